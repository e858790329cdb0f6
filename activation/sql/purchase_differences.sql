select
    purchase_id,
    day,
    market_code as market,
    currency_code as currency,
    finding,
    accepted_total as accepted,
    shown_total as shown
from compared_purchases
where finding in ('missing', 'not accepted', 'other total')
order by day, finding, purchase_id
