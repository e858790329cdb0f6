{{ config(materialized='table') }}
-- Grain: resource, id. What commercetools deleted, as a Message told or a sweep found: a plain read
-- shows nothing. What came back afterwards is no deletion.
with messages as (
    select * from {{ ref('base_commercetools__messages') }}
    where rejection_reason is null
),

newest_findings as (
    select
        resource,
        id,
        finding,
        {{ ts_utc('observed_at') }} as observed_at
    from {{ source('control', 'sweep_findings') }}
    qualify row_number() over (
        partition by resource, id order by observed_at desc, finding = 'reappeared' desc
    ) = 1
),

said as (
    select
        case message_type when 'CustomerDeleted' then 'customers' else 'orders' end as resource,
        resource_id as id,
        created_at as deleted_at,
        'message' as learned_by
    from messages
    where message_type in ('CustomerDeleted', 'OrderDeleted')

    union all

    select
        resource,
        id,
        observed_at as deleted_at,
        'sweep' as learned_by
    from newest_findings
    where finding = 'vanished'
),

loaded as (
    {% for resource in commercetools_resources() %}
        select
            '{{ resource }}' as resource,
            id,
            {{ ts_utc('last_modified_at') }} as last_modified_at,
            {{ ts_utc('loaded_at') }} as loaded_at
        from {{ source('raw', resource) }}
        where id in (select said.id from said)
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

-- a load that began before a delete may end after it, so only a change after a Message undoes it;
-- what a load brings after a sweep was overlooked by the sweep
standing as (
    select said.*
    from said
    left join loaded on said.resource = loaded.resource and said.id = loaded.id
    where
        not coalesce(
            case said.learned_by
                when 'message' then loaded.last_modified_at > said.deleted_at
                else loaded.loaded_at > said.deleted_at
            end,
            false
        )
),

-- a Message knows when it happened, a sweep only when it looked
best_known as (
    select * from standing
    qualify row_number() over (
        partition by resource, id order by learned_by = 'message' desc, deleted_at asc
    ) = 1
)

select * from best_known
