-- Grain: email, user_id. People that Iterable knew at first sight, and the channels and message
-- types they had opted out of, or into, by then.
with source as (
    select * from {{ source('raw_iterable', 'users') }}
),

renamed as (
    select
        {{ fold_email('email') }} as email,
        {{ identifying_user_id('user_id') }} as user_id,
        {{ try_text_list(try_json_text_at('document', "'unsubscribedChannelIds'")) }}
            as iterable_channel_ids,
        {{ try_text_list(try_json_text_at('document', "'unsubscribedMessageTypeIds'")) }}
            as unsubscribed_message_type_ids,
        {{ try_text_list(try_json_text_at('document', "'subscribedMessageTypeIds'")) }}
            as subscribed_message_type_ids,
        {{ ts_utc('read_at') }} as read_at
    from source
)

select * from renamed
