-- Grain: subject (the event's id at Iterable). Cancellations that Iterable has not been told of and
-- that are not history.
{{ changed_facts('order_cancelled', [
    'order_id', 'order_number', 'previous_order_status', 'order_total', 'currency_code', 'store_key', 'channel_key',
    'country_code', 'locale', 'ordered_at'
]) }}
