-- Grain: subject (person_key). Carts that Iterable should show and does not, or shows and should
-- not. Iterable empties a person's cart when it takes a purchase, so a cart beside a planned
-- purchase is sent after it, changed or not.
with carts as (
    select * from {{ ref('iterable_carts') }}
),

recipients as (
    select * from {{ ref('recipients') }}
),

people as (
    select * from {{ ref('iterable_users') }}
),

people_in_run as (
    select * from {{ ref('changed_users') }}
    where verdict = 'send'
),

purchases_in_run as (
    select
        person_key,
        max_by(subject, (occurred_at, subject)) as last_purchase
    from {{ ref('changed_purchases') }}
    where verdict = 'send'
    group by person_key
),

delivered_carts as (
    select * from {{ source('delivered', 'carts') }}
),

settings as (
    select object from {{ ref('objects') }}
    where object = 'carts' and kind = 'carts' and is_enabled
),

policies as (
    {{ consent_policies('carts', 'carts') }}
),

outcomes as (
    select * from {{ source('delivered', 'outcomes') }}
    where object = 'carts'
),

-- no cart and an empty one are the same to Iterable
wanted as (
    select
        recipients.profile_id,
        recipients.person_key,
        recipients.email,
        recipients.user_id,
        recipients.hold_reason,
        recipients.is_reachable,
        recipients.is_rename_planned,
        recipients.is_reachable or people_in_run.person_key is not null as is_at_iterable,
        policies.without_consent = 'suppress' and not recipients.has_messageable_channel
            as lacks_consent,
        people.market_code as person_market_code,
        people.source_modified_at as person_modified_at,
        people.is_test,
        policies.without_consent,
        carts.cart_id,
        carts.items,
        carts.cart_total,
        carts.currency_code,
        carts.market_code,
        carts.store_key,
        carts.channel_key,
        carts.locale,
        carts.source_modified_at,
        coalesce(carts.fingerprint, 'empty') as wanted_fingerprint,
        purchases_in_run.last_purchase,
        outcomes.state as settled_state,
        outcomes.is_sticky as settled_is_sticky,
        coalesce(nullif(outcomes.fingerprint, ''), 'empty') as settled_fingerprint,
        coalesce(delivered_carts.fingerprint, 'empty') as shown_fingerprint
    from recipients
    cross join settings
    inner join people on recipients.profile_id = people.profile_id
    inner join policies on people.market_code is not distinct from policies.market_code
    left join people_in_run on recipients.person_key = people_in_run.person_key
    left join carts on recipients.profile_id = carts.profile_id
    left join purchases_in_run on recipients.person_key = purchases_in_run.person_key
    left join outcomes on recipients.person_key = outcomes.subject
    left join delivered_carts on recipients.person_key = delivered_carts.person_key
    where carts.profile_id is not null or (outcomes.subject is not null and people.should_exist)
),

judged as (
    select
        *,
        {{ verdict_of_person() }} as verdict,
        {{ verdict_reason_of_person() }} as verdict_reason
    from wanted
),

fingerprinted as (
    select
        *,
        {{ verdict_fingerprint('wanted_fingerprint', 'verdict', 'verdict_reason') }} as fingerprint
    from judged
),

unsettled as (
    select *
    from fingerprinted
    where
        case
            -- the purchase empties it; if the purchase is refused, the next run does
            when wanted_fingerprint = 'empty' and last_purchase is not null then false
            -- what was kept from Iterable need not be emptied there
            when
                wanted_fingerprint = 'empty'
                and verdict <> 'send'
                and settled_state in ('held', 'suppressed')
                then false
            when verdict = 'send' and last_purchase is not null then true
            -- what Iterable shows already is not sent again, whatever was held or suppressed since
            when verdict = 'send' and wanted_fingerprint = shown_fingerprint then false
            when verdict = 'send' and settled_state = 'accepted' then true
            else not (
                settled_fingerprint = fingerprint
                and coalesce(settled_state = 'accepted' or settled_is_sticky, false)
            )
        end
),

changed as (
    select
        'carts' as object,
        'carts' as kind,
        person_key as subject,
        person_key,
        email,
        user_id,
        fingerprint,
        5 as lane,
        coalesce(market_code, person_market_code) as market_code,
        coalesce(source_modified_at, person_modified_at) as source_modified_at,
        cast(null as timestamp) as occurred_at,
        cast(null as timestamp) as send_before_at,
        case when without_consent = 'suppress' then 'any' else 'none' end as consent_requirement,
        verdict,
        verdict_reason,
        case when verdict = 'send' then last_purchase end as depends_on,
        is_rename_planned or not is_reachable as waits_for_person,
        is_test,
        cart_id,
        coalesce(items, []) as items,
        cart_total,
        currency_code,
        store_key,
        channel_key,
        locale
    from unsettled
)

select * from changed
