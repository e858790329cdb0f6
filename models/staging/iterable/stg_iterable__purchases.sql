-- Grain: purchase_key. Purchases Iterable had at first sight of the project, whoever sent them, and
-- the order they name, as integrations usually write it.
with source as (
    select * from {{ source('raw_iterable', 'purchases') }}
),

renamed as (
    select
        purchase_key,
        purchase_id,
        coalesce(
            {{ json_text('document', 'orderId') }}, {{ json_text('document', 'order_id') }}
        ) as order_id,
        coalesce(
            {{ json_text('document', 'orderNumber') }}, {{ json_text('document', 'order_number') }}
        ) as order_number,
        {{ fold_email('email') }} as email,
        nullif(user_id, '') as user_id,
        try_cast(total as decimal(28, 4)) as total,
        {{ ts_utc('created_at') }} as purchased_at
    from source
)

select * from renamed
