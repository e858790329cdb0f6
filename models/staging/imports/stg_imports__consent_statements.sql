-- Grain: event_key. Consent collected outside of the shop and Iterable (till, call centre ...), as
-- imported by hand.
with source as (
    select * from {{ source('raw', 'consent_imports') }}
),

renamed as (
    select
        event_key,
        nullif(customer_id, '') as customer_id,
        {{ fold_email('email') }} as email,
        channel,
        purpose,
        status,
        source,
        legal_basis,
        policy_version,
        proof_reference,
        {{ ts_utc('stated_at') }} as stated_at,
        {{ ts_utc('imported_at') }} as learned_at
    from source
)

select * from renamed
