-- Grain: customer_id, changed_at, authority. A customer's address changed. The addresses stay in
-- here: what leaves is a keyed hash of each.
with messages as (
    select * from {{ ref('stg_commercetools__customer_messages') }}
    where is_email_change
),

versions as (
    select
        *,
        lag(email) over (partition by customer_id order by version) as email_before
    from {{ ref('stg_commercetools__customer_versions') }}
),

changes as (
    -- a Message names the new address only
    select
        customer_id,
        cast(null as varchar) as from_email,
        email as to_email,
        occurred_at as changed_at,
        'messages' as authority
    from messages

    union all

    select
        customer_id,
        email_before as from_email,
        email as to_email,
        last_modified_at as changed_at,
        'history' as authority
    from versions
    where not is_first_seen and email <> email_before
),

hashed as (
    select
        customer_id,
        case when from_email is not null then {{ person_key("'address:' || from_email") }} end
            as from_email_key,
        {{ person_key("'address:' || to_email") }} as to_email_key,
        changed_at,
        authority
    from changes
)

select * from hashed
