{# CommerceItem of Iterable from a line; the envelope (market, store, channel, currency, locale) is
   the order's or cart's. quantity: of a part of the line, whose total then nobody states. #}
{% macro commerce_item(line, owner, quantity=none) -%}
{{ struct_of([
    ('id', line ~ '.product_id'),
    ('sku', line ~ '.sku'),
    ('name', line ~ '.product_name'),
    ('price', line ~ '.unit_price'),
    ('quantity', 'cast(' ~ (quantity or line ~ '.quantity') ~ ' as bigint)'),
    ('line_total', 'cast(null as decimal(28, 4))' if quantity else line ~ '.line_total'),
    ('categories', line ~ '.category_breadcrumbs'),
    ('image_url', line ~ '.image_url'),
    ('url', line ~ '.product_url'),
    ('is_gift', line ~ '.is_gift'),
    ('market', owner ~ '.market_code'),
    ('store', owner ~ '.store_key'),
    ('channel', owner ~ '.channel_key'),
    ('currency', owner ~ '.currency_code'),
    ('locale', owner ~ '.locale')
]) }}
{%- endmacro %}

{# One canonical text per item, in the order given, for fingerprints. #}
{% macro items_canonical(items) -%}
{%- set members = [
    ('id', 'string'), ('sku', 'string'), ('name', 'string'), ('price', 'double'), ('quantity', 'long'),
    ('line_total', 'double'), ('categories', 'string[]'), ('image_url', 'string'), ('url', 'string'),
    ('is_gift', 'boolean'), ('market', 'string'), ('store', 'string'), ('channel', 'string'), ('currency', 'string'),
    ('locale', 'string')
] -%}
{%- set texts = [] -%}
{%- for name, type in members -%}
{%- do texts.append("coalesce('=' || " ~ canonical_value('item.' ~ name, type) ~ ", '')") -%}
{%- endfor -%}
{{ list_map(items, 'item', flat_text(texts, 'chr(30)')) }}
{%- endmacro %}

{# The type of a list of CommerceItems, as contracts write it. #}
{% macro items_type() -%}
{{ return(
    'struct(id varchar, sku varchar, "name" varchar, price decimal(28,12), quantity bigint, '
    ~ 'line_total decimal(28,4), categories varchar[], image_url varchar, url varchar, is_gift boolean, '
    ~ 'market varchar, store varchar, channel varchar, currency varchar, locale varchar)[]'
) }}
{%- endmacro %}
