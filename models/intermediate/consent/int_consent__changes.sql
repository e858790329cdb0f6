-- Grain: statement_id, profile_id. What changed for a person, channel and purpose, under the rule
-- of the person's market, and when. The first time we see a record tells what is, not what
-- changed, unless the record was made while we were looking.
with statements as (
    select * from {{ ref('int_consent__weighed') }}
),

history_start as (
    select {{ ts_utc('min(loaded_at)') }} as started_at
    from {{ source('raw', 'customers_history') }}
),

compared as (
    select
        *,
        coalesce(lag(status_after) over (
            partition by profile_id, channel, purpose order by statement_number
        ), 'unknown') as from_status,
        coalesce(status_after, 'unknown') as to_status
    from statements
),

changes as (
    select
        compared.statement_id,
        compared.profile_id,
        compared.person_key,
        compared.subject,
        compared.channel,
        compared.purpose,
        compared.from_status,
        compared.to_status,
        compared.source,
        compared.resource_type,
        compared.resource_id,
        compared.stated_at as changed_at,
        compared.learned_at
    from compared
    cross join history_start
    where
        compared.from_status <> compared.to_status
        and (
            compared.is_seen_changing
            or (
                compared.resource_type <> 'iterable_user'
                and compared.created_at >= history_start.started_at
            )
        )
)

select * from changes
