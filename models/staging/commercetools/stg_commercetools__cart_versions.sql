-- Grain: cart_id, version. Status, content and progress of each version of a cart that can be read.
-- commercetools raises a version without content, so versions alone say nothing.
with versions as (
    select * from {{ ref('base_commercetools__cart_versions') }}
),

readable as (
    select * from versions
    where cart_status is not null
)

select * from readable
