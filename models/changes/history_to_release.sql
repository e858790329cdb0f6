-- Grain: object, subject. History that the backfill of this run asks for and that Iterable has not
-- accepted; nothing in an ordinary run. An accepted purchase empties the person's cart at Iterable:
-- while they have one there or in the shop, their purchases wait, unless the backfill says not to.
{{ config(materialized='view') }}

with wanted as (
    select * from {{ source('control', 'backfill') }}
),

wanted_ids as (
    select subject from {{ source('control', 'backfill_ids') }}
),

settings as (
    select * from {{ ref('objects') }}
    where is_enabled
),

history as (
    select * from {{ source('delivered', 'held_history') }}
),

people as (
    select
        person_key,
        market_code
    from {{ ref('iterable_users') }}
),

live_carts as (
    select person_key from {{ ref('iterable_carts') }}
    union
    select person_key from {{ source('delivered', 'carts') }}
    where fingerprint <> 'empty'
),

accepted as (
    select
        object,
        subject
    from {{ source('delivered', 'outcomes') }}
    where state = 'accepted'
),

-- what was noted as history by an earlier version lacks its market: the person's stands for it
asked_for as (
    select
        history.object,
        history.kind,
        history.subject,
        history.person_key,
        coalesce(history.market_code, people.market_code) as market_code,
        history.occurred_at,
        wanted.market_code as wanted_market_code,
        wanted.includes_live_carts,
        wanted.rows_max,
        wanted.after_at is null
        or history.occurred_at > wanted.after_at
        or (history.occurred_at = wanted.after_at and history.subject > wanted.after_subject)
            as is_ahead
    from history
    inner join wanted
        on
            history.object = wanted.object
            and history.kind = wanted.kind
            and history.occurred_at >= wanted.since
            and history.occurred_at < wanted.until
    inner join settings on history.object = settings.object and history.kind = settings.kind
    left join people on history.person_key = people.person_key
    left join wanted_ids on history.subject = wanted_ids.subject
    left join accepted on history.object = accepted.object and history.subject = accepted.subject
    where
        accepted.subject is null
        and (not wanted.has_ids or wanted_ids.subject is not null)
),

waiting as (
    select
        asked_for.object,
        asked_for.kind,
        asked_for.subject,
        asked_for.person_key,
        asked_for.market_code,
        asked_for.occurred_at,
        asked_for.is_ahead,
        asked_for.rows_max,
        asked_for.object = 'purchases' and live_carts.person_key is not null as has_live_cart,
        coalesce(
            asked_for.object = 'purchases'
            and live_carts.person_key is not null
            and not asked_for.includes_live_carts, false
        ) as waits_for_cart
    from asked_for
    left join live_carts on asked_for.person_key = live_carts.person_key
    where
        asked_for.wanted_market_code is null
        or asked_for.market_code = asked_for.wanted_market_code
)

select * from waiting
