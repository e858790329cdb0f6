with statements as (
    select * from {{ ref('int_consent__statements') }}
),

final as (
    select
        statement_id,
        profile_id,
        person_key,
        subject,
        channel,
        purpose,
        status,
        is_decisive,
        is_explicit,
        system,
        source,
        resource_type,
        resource_id,
        stated_at,
        learned_at,
        legal_basis,
        policy_version,
        proof_reference
    from statements
)

select * from final
