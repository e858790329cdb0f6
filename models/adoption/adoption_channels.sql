-- Grain: channel, purpose. The channels that carry consent, and whether Iterable has one of that
-- name.
with configured as (
    select * from {{ ref('iterable_channels') }}
),

channels as (
    select * from {{ source('raw_iterable', 'channels') }}
),

checked as (
    select
        configured.channel,
        configured.purpose,
        configured.iterable_channel_name,
        configured.iterable_channel_name in (select channels.name from channels) as is_there
    from configured
)

select * from checked
