-- Grain: event_key. Opt-outs that Iterable recorded, whoever caused them. Who leaves a static list,
-- by us or by themselves, leaves no channel: an event that names lists and nothing else is none.
with source as (
    select * from {{ source('raw_iterable', 'unsubscribes') }}
),

renamed as (
    select
        event_key,
        {{ fold_email('email') }} as email,
        {{ identifying_user_id('user_id') }} as user_id,
        {{ try_text_list('channel_ids') }} as iterable_channel_ids,
        coalesce(
            {{ try_text_list(try_json_text_at('document', "'messageTypeIds'")) }},
            {{ try_text_list(
                "'[' || " ~ try_json_text_at('document', "'messageTypeId'") ~ " || ']'"
            ) }}
        ) as iterable_message_type_ids,
        {{ try_json_text_at('document', "'unsubSource'") }} as unsubscribe_source,
        coalesce(
            {{ json_value('document', 'emailListIds') }},
            {{ json_value('document', 'emailListId') }}
        ) is not null
        and coalesce(
            {{ json_value('document', 'messageTypeIds') }},
            {{ json_value('document', 'messageTypeId') }}
        ) is null as names_lists_only,
        {{ ts_utc('created_at') }} as unsubscribed_at,
        {{ ts_utc('read_at') }} as read_at
    from source
)

select
    event_key,
    email,
    user_id,
    iterable_channel_ids,
    iterable_message_type_ids,
    unsubscribe_source,
    unsubscribed_at,
    read_at
from renamed
where not (names_lists_only and coalesce({{ list_size('iterable_channel_ids') }}, 0) = 0)
