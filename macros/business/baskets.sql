{# Orders and carts belong to people, markets and channels in the same way. CTEs that end in `placed`: every row of the
   CTE `baskets` with its profile, place, time of last change and deletion. The model around it defines `baskets` and
   `channels` (key column, channel_key). `resource` is commercetools' word, `key` the id column. #}
{% macro placed_baskets(resource, key) -%}
people as (
    select * from {{ ref('int_identity__people') }}
),

content_changes as (
    select * from {{ ref('stg_commercetools__content_changes') }}
    where resource = '{{ resource }}'
),

deletions as (
    select * from {{ ref('stg_commercetools__deletions') }}
    where resource = '{{ resource }}'
),

located as (
    select
        *,
        {{ market_of('baskets.store_key', 'baskets.country_code') }} as market_code
    from baskets
),

placed as (
    select
        located.*,
        people.profile_id,
        people.person_key,
        people.profile_subject,
        coalesce(people.identity_rule, 'no_address') as identity_rule,
        coalesce(located.locale, markets.locale) as known_locale,
        coalesce(channels.channel_key, markets.channel_key) as known_channel_key,
        coalesce(located.country_code, markets.country_code) as known_country_code,
        coalesce(content_changes.content_changed_at, located.last_modified_at)
            as content_modified_at,
        deletions.deleted_at
    from located
    left join people
        on {{ person_subject('located.customer_id', 'located.customer_email') }} = people.subject
    left join channels on located.{{ key }} = channels.{{ key }}
    left join content_changes on located.{{ key }} = content_changes.id
    left join deletions on located.{{ key }} = deletions.id
    left join {{ ref('markets') }} as markets on located.market_code = markets.market_code
)
{%- endmacro %}

{# A whole model of lines with the words for their products, in the language of the order or cart they belong to.
   `owner` is orders or carts, `key` its id column. #}
{% macro described_lines(owner, key) -%}
with lines as (
    select * from {{ ref('stg_commercetools__' ~ key | replace('_id', '') ~ '_lines') }}
),

baskets as (
    select * from {{ ref('int_' ~ owner ~ '__identified') }}
),

products as (
    select * from {{ ref('stg_commercetools__products') }}
),

category_lists as (
    select * from {{ ref('int_products__category_lists') }}
),

markets as (
    select * from {{ ref('markets') }}
),

defaults as (
    select * from {{ ref('markets') }}
    where is_default
),

described as (
    select
        lines.{{ key }},
        {{ described_line('baskets') }}
    from lines
    inner join baskets on lines.{{ key }} = baskets.{{ key }}
    left join products on lines.product_id = products.product_id
    left join category_lists on lines.product_id = category_lists.product_id
    left join markets on baskets.market_code = markets.market_code
    cross join defaults
)

select * from described
{%- endmacro %}
