-- Grain: subject (the event's id at Iterable). Refunds that Iterable has not been told of and that
-- are not history.
{{ changed_facts('order_refunded', [
    'order_id', 'order_number', 'refund_amount', 'is_full_refund', 'order_total', 'currency_code', 'store_key',
    'channel_key', 'country_code', 'locale', 'ordered_at'
]) }}
