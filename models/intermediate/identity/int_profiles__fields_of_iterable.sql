{{ config(materialized='table') }}
-- Grain: market_code, field. The profile fields that config/consent_rules.csv leaves to Iterable,
-- per market: nothing is ever written to them.
with fields as (
    select distinct attribute
    from {{ ref('consent_rules') }}
    where attribute <> 'consent'
),

scopes as (
    select
        fields.attribute,
        markets.market_code,
        '*' as channel,
        '*' as purpose
    from {{ ref('markets') }} as markets
    cross join fields
),

chosen as (
    {{ consent_rule_of('scopes') }}
),

owned as (
    select
        market_code,
        attribute as field
    from chosen
    where source_of_truth = 'iterable'
)

select * from owned
