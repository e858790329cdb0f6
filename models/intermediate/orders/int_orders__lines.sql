-- Grain: order_id, line_number. Lines of orders with the words for their products.
{{ described_lines('orders', 'order_id') }}
