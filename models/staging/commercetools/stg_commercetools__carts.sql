-- Carts that could be read.
with opened as (
    select * from {{ ref('base_commercetools__carts') }}
),

readable as (
    select * from opened
    where rejection_reason is null
)

select * from readable
