-- Of purchases that name no currency no sum is made: they may be of several.
select
    day,
    market_code as market,
    currency_code as currency,
    count(*) filter (where is_in_shop) as shop,
    coalesce(sum(shop_total), 0) as shop_revenue,
    count(*) filter (where is_accepted) as accepted,
    coalesce(sum(accepted_total) filter (where is_accepted), 0) as accepted_revenue,
    count(*) filter (where is_shown and finding <> 'of others') as at_iterable,
    case
        when currency_code is not null
            then coalesce(sum(shown_total) filter (where finding <> 'of others'), 0)
    end as iterable_revenue,
    count(*) filter (where finding = 'missing') as missing,
    count(*) filter (where finding = 'not accepted') as not_accepted,
    count(*) filter (where finding = 'other total') as other_total,
    count(*) filter (where finding = 'too fresh') as too_fresh,
    count(*) filter (where finding = 'of others') as others,
    case
        when currency_code is not null
            then coalesce(sum(shown_total) filter (where finding = 'of others'), 0)
    end as others_revenue
from compared_purchases
group by day, market_code, currency_code
order by all
