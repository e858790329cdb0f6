-- Grain: event_id. Somebody looked at a product, as a storefront's own feed tells it into
-- raw_storefront.product_views. Empty without such a feed.
with views as (
    select * from {{ ref('stg_storefront__product_views') }}
),

products as (
    select * from {{ ref('products') }}
),

people as (
    select * from {{ ref('profiles') }}
    where email is not null
),

events as (
    select
        {{ fact_id('product_viewed', ['views.view_id']) }} as event_id,
        views.product_id,
        products.sku,
        products.product_name,
        {{ event_envelope(
            'people', 'product', 'views.product_id', 'null', 'views.viewed_at', 'views.viewed_at'
        ) }}
    from views
    inner join people on views.person_subject = people.subject
    left join products on views.product_id = products.product_id
)

select * from events
