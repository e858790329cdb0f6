{{ config(materialized='table') }}
-- Grain: market_code, channel, purpose. Who decides about consent in each market at this run's
-- instant, and what a grant needs there. Part of stage 1: reads config/ alone.
with channels as (
    select
        channel,
        purpose
    from {{ ref('consent_fields') }}
    union
    select
        channel,
        purpose
    from {{ ref('iterable_channels') }}
),

scopes as (
    select
        'consent' as attribute,
        markets.market_code,
        channels.channel,
        channels.purpose
    from {{ ref('markets') }} as markets
    cross join channels
),

chosen as (
    {{ consent_rule_of('scopes') }}
),

final as (
    select
        scopes.market_code,
        scopes.channel,
        scopes.purpose,
        coalesce(chosen.rule_id, 'default') as rule_id,
        coalesce(chosen.source_of_truth, 'most_restrictive') as source_of_truth,
        needs.confirmed_by,
        needs.minimum_age,
        needs.expires_after_days
    from scopes
    left join chosen
        on
            scopes.market_code = chosen.market_code
            and scopes.channel = chosen.channel
            and scopes.purpose = chosen.purpose
    left join {{ ref('consent_markets') }} as needs
        on scopes.market_code = needs.market_code and scopes.channel = needs.channel
)

select * from final
