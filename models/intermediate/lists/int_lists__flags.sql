-- Grain: profile_id, source. Which flags are true of whom: of a profile, of its metrics in its own
-- currency, of its mapped attributes. Only flags that a list refers to.
with wanted as (
    select distinct source
    from {{ ref('int_lists__kept') }}
),

profiles as (
    select * from {{ ref('profiles') }}
),

metrics as (
    select metrics.*
    from {{ ref('customer_metrics') }} as metrics
    inner join profiles
        on
            metrics.profile_id = profiles.profile_id
            and metrics.currency_code = profiles.currency_code
),

attributes as (
    select
        mapped.profile_id,
        'attributes.' || attribute_map.attribute as source
    from {{ ref('int_profiles__mapped_attributes') }} as mapped
    inner join {{ ref('attribute_map') }} as attribute_map
        on mapped.iterable_field = attribute_map.iterable_field
    where mapped.type = 'boolean' and mapped.value = 'true'
),

flags as (
    select
        profile_id,
        source
    from attributes
    {%- for mart, column in flag_columns() %}
        union all
        select
            profile_id,
            '{{ mart }}.{{ column }}' as source
        from {{ 'metrics' if mart == 'customer_metrics' else mart }}
        where {{ column }}
    {%- endfor %}
),

referred as (
    select flags.*
    from flags
    where
        exists (
            select 1 from wanted
            where flags.source = wanted.source
        )
)

select * from referred
