-- Grain: purchase. What the shop counts (`shop_purchases`), what the ledger says that Iterable accepted
-- (`sent_purchases`) and what Iterable shows (`shown_purchases`), and what is to be said about it. Totals
-- are decimals, added up per currency only. An id of ours tells ours from those of others.
create or replace temp table compared_purchases as
with sent as (
    select
        * replace (try_cast(total as decimal(28, 4)) as total),
        make_timestamp(occurred_at_ms * 1000) as purchased_at,
        state <> 'accepted' or settled_at_ms > $settled_before_ms as is_open
    from sent_purchases
),

shown as (
    select
        * exclude (purchased_at_ms) replace (try_cast(total as decimal(28, 4)) as total),
        make_timestamp(purchased_at_ms * 1000) as purchased_at,
        regexp_full_match(coalesce(purchase_id, ''), 'purchase-[0-9a-f]{32}') as is_ours
    from shown_purchases
    where make_timestamp(purchased_at_ms * 1000) >= $since and make_timestamp(purchased_at_ms * 1000) < $until
),

-- an id that came twice is one purchase with two versions
ours as (
    select * exclude (is_ours) from shown
    where is_ours
    qualify row_number() over (partition by purchase_id order by position desc) = 1
),

joined as (
    select
        coalesce(sent.purchase_id, ours.purchase_id, shop_purchases.purchase_id) as purchase_id,
        cast(coalesce(sent.purchased_at, ours.purchased_at, shop_purchases.purchased_at) as date) as day,
        coalesce(sent.market_code, ours.market_code, shop_purchases.market_code) as market_code,
        coalesce(sent.currency_code, ours.currency_code, shop_purchases.currency_code) as currency_code,
        shop_purchases.total as shop_total,
        sent.total as accepted_total,
        ours.total as shown_total,
        shop_purchases.purchase_id is not null as is_in_shop,
        coalesce(sent.state = 'accepted', false) as is_accepted,
        ours.purchase_id is not null as is_shown,
        case when sent.purchase_id is null and ours.purchase_id is null then shop_purchases.not_sent_reason end
            as not_sent_reason,
        case
            when sent.purchase_id is null and ours.purchase_id is null then 'not sent'
            when sent.purchase_id is null then 'not accepted'
            when ours.purchase_id is null and sent.is_open then 'too fresh'
            when ours.purchase_id is null then 'missing'
            when sent.total <> ours.total or sent.currency_code <> ours.currency_code then 'other total'
            else 'same'
        end as finding
    from sent
    full join ours on sent.purchase_id = ours.purchase_id
    full join shop_purchases on coalesce(sent.purchase_id, ours.purchase_id) = shop_purchases.purchase_id
)

select * from joined
union all
select
    purchase_id,
    cast(purchased_at as date) as day,
    market_code,
    currency_code,
    null as shop_total,
    null as accepted_total,
    total as shown_total,
    false as is_in_shop,
    false as is_accepted,
    true as is_shown,
    null as not_sent_reason,
    'of others' as finding
from shown
where not is_ours
