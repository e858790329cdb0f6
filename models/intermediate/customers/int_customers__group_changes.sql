-- Grain: customer_id, changed_at, authority. A customer joined, changed or left a customer group.
with messages as (
    select * from {{ ref('stg_commercetools__customer_messages') }}
    where not is_email_change
),

versions as (
    select
        *,
        lag(customer_group_id) over (partition by customer_id order by version) as group_id_before
    from {{ ref('stg_commercetools__customer_versions') }}
),

groups as (
    select * from {{ ref('stg_commercetools__customer_groups') }}
),

changes as (
    -- a Message names the new group only; the one before is that of the Message before
    select
        customer_id,
        lag(customer_group_id) over (
            partition by customer_id order by occurred_at asc, message_id asc
        ) as from_group_id,
        customer_group_id as to_group_id,
        occurred_at as changed_at,
        'messages' as authority
    from messages

    union all

    select
        customer_id,
        group_id_before as from_group_id,
        customer_group_id as to_group_id,
        last_modified_at as changed_at,
        'history' as authority
    from versions
    where not is_first_seen and customer_group_id is distinct from group_id_before
),

named as (
    select
        changes.customer_id,
        groups_before.customer_group_key as from_group,
        groups_after.customer_group_key as to_group,
        changes.changed_at,
        changes.authority
    from changes
    left join groups as groups_before on changes.from_group_id = groups_before.customer_group_id
    left join groups as groups_after on changes.to_group_id = groups_after.customer_group_id
)

select * from named
