-- Grain: cart_id, line_number. Lines of carts with the words for their products.
{{ described_lines('carts', 'cart_id') }}
