-- What the shop counts as purchases of the period, and why those that Iterable did not accept stayed here.
select
    purchases.purchase_id,
    purchases.market_code,
    purchases.currency_code,
    purchases.total,
    purchases.ordered_at as purchased_at,
    coalesce(
        held_history.reason,
        case when outcomes.state <> 'accepted' then outcomes.state || ': ' || outcomes.reason end,
        'not planned yet'
    ) as not_sent_reason
from activation.iterable_purchases as purchases
left join delivered.outcomes as outcomes
    on outcomes.object = 'purchases' and purchases.purchase_id = outcomes.subject
left join delivered.held_history as held_history
    on held_history.object = 'purchases' and purchases.purchase_id = held_history.subject
where purchases.ordered_at >= $since and purchases.ordered_at < $until
qualify row_number() over (partition by purchases.purchase_id order by held_history.seen_at) = 1
