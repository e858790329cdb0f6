-- Grain: profile_id, subscription_group, subscription_id. What each person is subscribed to at
-- Iterable, as far as we know: the newest thing that changed it, for them or for whoever was called
-- so, unless that user is gone since. Nothing known of a person and a subscription: no row.
with recipients as (
    select
        *,
        coalesce(known_email, email) as email_there
    from {{ ref('recipients') }}
),

moves as (
    select * from {{ ref('int_subscriptions__moves') }}
),

attributed as (
    select
        recipients.profile_id,
        moves.*
    from recipients
    inner join moves on recipients.person_key = moves.person_key
    union
    select
        recipients.profile_id,
        moves.*
    from recipients
    inner join moves on recipients.user_id = moves.user_id
    union
    select
        recipients.profile_id,
        moves.*
    from recipients
    inner join moves on recipients.email_there = moves.email
    where
        -- where userIds identify, several users may have the address
        not {{ project_identifies_by('user_id') }}
        and not exists (
            select 1 from {{ source('delivered', 'gone_users') }} as gone_users
            where
                gone_users.email = moves.email
                and gone_users.gone_at >= moves.happened_at
                and gone_users.person_key is distinct from recipients.person_key
        )
),

newest as (
    select
        profile_id,
        subscription_group,
        subscription_id,
        is_subscribed,
        said_at,
        happened_at
    from attributed
    qualify row_number() over (
        partition by profile_id, subscription_group, subscription_id
        order by happened_at desc, is_subscribed asc, said_at desc nulls last
    ) = 1
)

select * from newest
