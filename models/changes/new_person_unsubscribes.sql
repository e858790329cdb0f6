-- Grain: profile_id. The channels a person must be created unsubscribed from, because nothing was
-- granted on them: a person who appears at Iterable without this is subscribed to everything.
-- can_be_created is false where Iterable cannot do it in the creating request: a channel it does
-- not have, or opt-in message types in the project.
with consent as (
    select * from {{ ref('consent_state') }}
),

channels as (
    select * from {{ ref('iterable_channels') }}
),

iterable_project as (
    {{ channels_by_name() }}
),

opt_in_types as (
    select count(*) as type_count
    from {{ source('raw_iterable', 'message_types') }}
    where subscription_policy = 'OptIn'
),

not_granted as (
    select
        consent.profile_id,
        iterable_project.channel_id as iterable_channel_id
    from consent
    inner join channels on consent.channel = channels.channel and consent.purpose = channels.purpose
    left join iterable_project on channels.iterable_channel_name = iterable_project.name
    where not coalesce(consent.is_messageable, false)
),

collected as (
    select
        not_granted.profile_id,
        {{ list_agg_ordered('not_granted.iterable_channel_id', 'not_granted.iterable_channel_id') }}
            as unsubscribe_channel_ids,
        count(*) = count(not_granted.iterable_channel_id)
        and max(opt_in_types.type_count) = 0 as can_be_created
    from not_granted
    cross join opt_in_types
    group by not_granted.profile_id
)

select * from collected
