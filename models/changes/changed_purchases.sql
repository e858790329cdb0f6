-- Grain: subject (the purchase's id at Iterable). Purchases that Iterable has not been told of and
-- that are not history.
{{ changed_facts(purchase_fact(), 4, [
    'order_id', 'order_number', 'total', 'total_net', 'tax_total', 'discount_total', 'shipping_total',
    'unexplained_total', 'customer_id', 'guest_id', 'currency_code', 'store_key', 'channel_key', 'country_code', 'locale',
    'resource_type', 'resource_id', 'resource_version', 'campaign_id', 'template_id', 'is_backfill', 'is_guest', 'items'
], 'fingerprint', has_order=true) }}
