-- Grain: message type. What marketers may send on which channel.
with types as (
    select * from {{ source('raw_iterable', 'message_types') }}
),

channels as (
    select * from {{ source('raw_iterable', 'channels') }}
),

named as (
    select
        types.name,
        channels.name as channel_name,
        types.subscription_policy
    from types
    left join channels on types.channel_id = channels.id
)

select * from named
