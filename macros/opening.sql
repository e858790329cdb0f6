{# Documents are opened once per version read, not once per build: base models keep what they opened. #}

{# Rows of raw.<resource> that the model has not opened as they are now. `also` is a further condition on `opened_before`
   for a model that reads configuration: when it says something else, every row is opened again. #}
{% macro unopened(resource, id_column, also='true') -%}
select source.*
from {{ source('raw', resource) }} as source
{% if is_incremental() -%}
where
    not exists (
        select 1
        from {{ this }} as opened_before
        where
            opened_before.{{ id_column }} = source.id
            and opened_before.version is not distinct from source.version
            and opened_before.loaded_at is not distinct from {{ ts_utc('source.loaded_at') }}
            and {{ also }}
    )
{%- endif %}
{%- endmacro %}

{# Before an increment: rows whose record is no longer in raw leave the model too. #}
{% macro forget_vanished(resource, id_column) -%}
{% if is_incremental() -%}
delete from {{ this }}
where {{ id_column }} not in (select source.id from {{ source('raw', resource) }} as source)
{%- endif %}
{%- endmacro %}
