-- Which consent each channel and message type of the Iterable project carries, by config/iterable_channels.csv, for webhooks that
-- come while the warehouse is closed. Of a channel without a named message type, all of its types.
select
    'channel' as kind,
    cast(channels.id as varchar) as iterable_id,
    lower(channels.message_medium) as medium,
    configured.channel,
    configured.purpose
from raw_iterable.channels as channels
left join config.iterable_channels as configured on channels.name = configured.iterable_channel_name

union all

select
    'message_type' as kind,
    cast(message_types.id as varchar) as iterable_id,
    lower(channels.message_medium) as medium,
    configured.channel,
    configured.purpose
from raw_iterable.message_types as message_types
left join raw_iterable.channels as channels on message_types.channel_id = channels.id
left join config.iterable_channels as configured
    on
        channels.name = configured.iterable_channel_name
        and message_types.name = coalesce(nullif(configured.iterable_message_type_name, ''), message_types.name)
