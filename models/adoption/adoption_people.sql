-- Grain: known_where. People by where they are known: in the shop with an address, at Iterable at
-- first sight, or both. People known at Iterable only are never written to.
with recipients as (
    select * from {{ ref('recipients') }}
),

shop as (
    select recipients.*
    from recipients
    inner join {{ ref('iterable_users') }} as people
        on recipients.profile_id = people.profile_id
    where people.should_exist and people.is_in_shop
),

existing as (
    select * from {{ ref('stg_iterable__users') }}
),

strangers as (
    select existing.*
    from existing
    where
        not exists (
            select 1 from recipients
            where existing.user_id = recipients.user_id
        )
        and not exists (
            select 1 from recipients
            where
                existing.email = recipients.desired_email
                -- where userIds identify, somebody else may have the address
                and not {{ project_identifies_by('user_id') }}
        )
),

counted as (
    select
        case when is_known then 'shop and Iterable' else 'shop only' end as known_where,
        count(*) as people,
        sum(case when has_messageable_channel then 0 else 1 end) as not_messageable
    from shop
    group by is_known
    union all
    select
        'Iterable only' as known_where,
        count(*) as people,
        coalesce(
            sum(
                case when coalesce({{ list_size('iterable_channel_ids') }}, 0) > 0 then 1 else 0 end
            ),
            0
        ) as not_messageable
    from strangers
)

select * from counted
