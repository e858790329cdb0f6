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
    {{ moves_of('recipients', 'email_there') }}
),

newest as (
    select
        profile_id,
        subscription_group,
        subscription_id,
        is_subscribed,
        said_at,
        happened_at,
        is_ours
    from attributed
    qualify row_number() over (
        partition by profile_id, subscription_group, subscription_id
        order by happened_at desc, is_subscribed asc, said_at desc nulls last
    ) = 1
)

select * from newest
