-- Grain: event_key. Opt-outs that Iterable recorded, whoever caused them.
with source as (
    select * from {{ source('raw_iterable', 'unsubscribes') }}
),

renamed as (
    select
        event_key,
        {{ fold_email('email') }} as email,
        nullif(user_id, '') as user_id,
        {{ try_text_list('channel_ids') }} as iterable_channel_ids,
        {{ ts_utc('created_at') }} as unsubscribed_at,
        {{ ts_utc('read_at') }} as read_at
    from source
)

select * from renamed
