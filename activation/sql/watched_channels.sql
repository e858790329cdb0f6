-- What at Iterable stands for which consent: channels and message types that config names and the
-- project has.
select
    iterable_channels.channel,
    iterable_channels.purpose,
    channels.id as channel_id,
    message_types.id as message_type_id
from config.iterable_channels
inner join raw_iterable.channels on iterable_channels.iterable_channel_name = channels.name
left join raw_iterable.message_types
    on
        iterable_channels.iterable_message_type_name = message_types.name
        and channels.id = message_types.channel_id
order by all
