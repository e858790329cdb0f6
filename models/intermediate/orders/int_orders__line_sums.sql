-- Grain: order_id. What only the lines tell: the discount, and the channel of the first line that
-- names one.
with lines as (
    select * from {{ ref('stg_commercetools__order_lines') }}
),

channels as (
    select * from {{ ref('stg_commercetools__channels') }}
),

priced as (
    select
        lines.order_id,
        lines.line_number,
        channels.channel_key,
        {{ rescale(
            'lines.quantity * lines.list_price_minor',
            'lines.list_price_digits',
            'lines.line_total_digits'
        ) }} - lines.line_price_minor as discount_minor
    from lines
    left join channels on lines.channel_id = channels.channel_id
),

summed as (
    select
        order_id,
        min_by(channel_key, line_number) filter (where channel_key is not null) as channel_key,
        sum(coalesce(discount_minor, 0)) as discount_minor
    from priced
    group by order_id
)

select * from summed
