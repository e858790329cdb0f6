select
    not_sent_reason as reason,
    count(*) as purchases
from compared_purchases
where finding = 'not sent'
group by all
order by purchases desc, reason asc
