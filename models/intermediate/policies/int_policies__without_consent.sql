-- Grain: object, kind, market_code (null: people of no market). What people without a grant on any
-- channel get: send or suppress. The row of config/consent_policies.csv that names the kind wins,
-- then the one that names the market; where none fits, nothing is sent. Whoever is excluded as a
-- user gets nothing else either, and may still leave a list.
with settings as (
    select * from {{ ref('objects') }}
),

policies as (
    select * from {{ ref('consent_policies') }}
),

markets as (
    select distinct market_code from {{ ref('markets') }}
    union all
    select cast(null as varchar) as market_code
),

asked as (
    select
        settings.object,
        settings.kind,
        markets.market_code
    from settings
    cross join markets
),

matched as (
    select
        asked.object,
        asked.kind,
        asked.market_code,
        policies.without_consent
    from asked
    left join policies
        on
            asked.object = policies.object
            and policies.kind in (asked.kind, '*')
            and policies.market_code in (coalesce(asked.market_code, '*'), '*')
    qualify row_number() over (
        partition by asked.object, asked.kind, asked.market_code
        order by
            policies.kind = '*',
            policies.market_code = '*'
    ) = 1
),

excluding as (
    select
        market_code,
        true as is_excluding
    from matched
    where object = 'users' and kind = 'users' and without_consent is distinct from 'profile_only'
),

decided as (
    select
        matched.object,
        matched.kind,
        matched.market_code,
        case
            when matched.object = 'users' and matched.without_consent = 'profile_only' then 'send'
            when excluding.is_excluding and matched.kind <> 'list_remove' then 'suppress'
            else coalesce(matched.without_consent, 'suppress')
        end as without_consent
    from matched
    left join excluding on matched.market_code is not distinct from excluding.market_code
)

select * from decided
