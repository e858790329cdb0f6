{# Hashes as lower-case hex text. Never the engine's own hash(): it may change between versions and
   resend everyone. #}

{% macro sha256_hex(expression) %}{{ return(adapter.dispatch('sha256_hex', 'cartwire')(expression)) }}{% endmacro %}
{% macro duckdb__sha256_hex(expression) -%}
sha256({{ expression }})
{%- endmacro %}

{% macro md5_hex(expression) %}{{ return(adapter.dispatch('md5_hex', 'cartwire')(expression)) }}{% endmacro %}
{% macro duckdb__md5_hex(expression) -%}
md5({{ expression }})
{%- endmacro %}

{# HMAC-SHA256 from the two padded key blocks (64 bytes each), equal to Python's hmac byte for byte.
   #}
{% macro hmac_sha256_hex(inner_block, outer_block, text) -%}
{{ return(adapter.dispatch('hmac_sha256_hex', 'cartwire')(inner_block, outer_block, text)) }}
{%- endmacro %}
{% macro duckdb__hmac_sha256_hex(inner_block, outer_block, text) -%}
sha256({{ outer_block }} || unhex(sha256({{ inner_block }} || encode({{ text }}))))
{%- endmacro %}
