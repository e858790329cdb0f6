-- Customers that could be read.
with opened as (
    select * from {{ ref('base_commercetools__customers') }}
),

readable as (
    select * from opened
    where rejection_reason is null
)

select * from readable
