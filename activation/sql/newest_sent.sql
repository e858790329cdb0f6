select
    request_id,
    item_id
from analyst.ledger.sent
order by item_id desc, request_id desc
limit 1
