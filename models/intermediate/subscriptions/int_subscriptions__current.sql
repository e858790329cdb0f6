-- Grain: profile_id, channel, purpose. Whether each person at Iterable is subscribed there, as far
-- as we know: the newest of what we did, what we found and what people did there. Nobody who is not
-- there has a row. A purpose with a message type of its own needs both, channel and type; a type
-- that asks for opt-in is closed until somebody subscribed.
with people as (
    select
        profile_id,
        person_key,
        email,
        {{ iterable_user_id('customer_id', 'person_key') }} as user_id
    from {{ ref('int_profiles__described') }}
),

delivered_users as (
    select * from {{ source('delivered', 'users') }}
),

found_users as (
    select users.* from {{ ref('stg_iterable__users') }} as users
    where {{ is_still_there('users') }}
),

not_delivered as (
    select * from people
    where not exists (
        select 1 from delivered_users
        where people.person_key = delivered_users.person_key
    )
),

at_iterable as (
    select
        people.profile_id,
        people.person_key,
        people.user_id,
        delivered_users.email as known_email
    from people
    inner join delivered_users on people.person_key = delivered_users.person_key
    union
    select
        not_delivered.profile_id,
        not_delivered.person_key,
        not_delivered.user_id,
        not_delivered.email as known_email
    from not_delivered
    inner join found_users on not_delivered.user_id = found_users.user_id
    union
    select
        not_delivered.profile_id,
        not_delivered.person_key,
        not_delivered.user_id,
        not_delivered.email as known_email
    from not_delivered
    inner join found_users on not_delivered.email = found_users.email
    where found_users.user_id is null or {{ project_identifies_by('email') }}
),

moves as (
    select * from {{ ref('int_subscriptions__moves') }}
),

attributed as (
    {{ moves_of('at_iterable', 'known_email') }}
),

newest as (
    select * from attributed
    qualify row_number() over (
        partition by profile_id, subscription_group, subscription_id
        order by happened_at desc, is_subscribed asc
    ) = 1
),

configured as (
    {{ iterable_targets() }}
),

final as (
    select
        at_iterable.profile_id,
        configured.channel,
        configured.purpose,
        coalesce(of_channel.is_subscribed, true)
        and coalesce(
            of_type.is_subscribed, configured.subscription_policy is distinct from 'OptIn'
        ) as is_subscribed,
        greatest(of_channel.happened_at, of_type.happened_at) as changed_at
    from at_iterable
    cross join configured
    left join newest as of_channel
        on
            at_iterable.profile_id = of_channel.profile_id
            and of_channel.subscription_group = 'messageChannel'
            and configured.channel_id = of_channel.subscription_id
    left join newest as of_type
        on
            at_iterable.profile_id = of_type.profile_id
            and of_type.subscription_group = 'messageType'
            and configured.message_type_id = of_type.subscription_id
)

select * from final
