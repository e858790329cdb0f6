{# Documents are opened once per version read, not once per build: base models keep what they opened. #}

{# Rows of raw.<resource> that the model has not opened as they are now. `also` is a further condition on `opened_before`
   for a model that reads configuration: when it says something else, every row is opened again.

   Which they are is found without their documents, and these are looked up by when they were loaded too: new rows lie together,
   so the others' documents are not even read. Every load writes `loaded_at`. #}
{% macro unopened(resource, id_column, also='true') -%}
{{ rows_unopened(
    resource, ['id', 'loaded_at'],
    'opened_before.' ~ id_column ~ ' = fresh.id and opened_before.version is not distinct from fresh.version'
    ~ ' and opened_before.loaded_at is not distinct from ' ~ ts_utc('fresh.loaded_at') ~ ' and ' ~ also
) }}
{%- endmacro %}

{# Before an increment: rows whose record is no longer in raw leave the model too. #}
{% macro forget_vanished(resource, id_column) -%}
{% if is_incremental() -%}
delete from {{ this }}
where {{ id_column }} not in (select source.id from {{ source('raw', resource) }} as source)
{%- endif %}
{%- endmacro %}

{# Versions in raw.<resource>_history that the model has not opened yet, found as above. A version never changes. The model
   names ids `id_column` and, where it reads several resources, says which in `resource`; `also` as above. #}
{% macro unopened_versions(resource, id_column, resource_column=none, also='true') -%}
{{ rows_unopened(
    resource ~ '_history', ['id', 'version', 'loaded_at'],
    'opened_before.' ~ id_column ~ ' = fresh.id and opened_before.version = fresh.version'
    ~ (" and opened_before." ~ resource_column ~ " = '" ~ resource ~ "'" if resource_column else '') ~ ' and ' ~ also
) }}
{%- endmacro %}

{# Rows of raw.<table>, told by `keys`, of which the model has no row `opened_before` that meets the condition. #}
{% macro rows_unopened(table, keys, is_opened) -%}
select source.*
from {{ source('raw', table) }} as source
{% if is_incremental() -%}
where
    (source.{{ keys | join(', source.') }}) in (
        select fresh.{{ keys | join(', fresh.') }}
        from {{ source('raw', table) }} as fresh
        where
            not exists (
                select 1
                from {{ this }} as opened_before
                where {{ is_opened }}
            )
    )
{%- endif %}
{%- endmacro %}

{# Whether base_commercetools__consent_words lacks what `version`, of raw.<resource>_history, says in the configured `path`. #}
{% macro is_unopened_word(version, path) -%}
not exists (
                    select 1
                    from {{ this }} as opened_before
                    where
                        opened_before.resource_type = {{ path }}.resource
                        and opened_before.resource_id = {{ version }}.id
                        and opened_before.version = {{ version }}.version
                        and opened_before.field_path = {{ path }}.field_path
                )
{%- endmacro %}

{# Before an increment: versions that are no longer in raw leave the model too. `resource_column` of a model that reads
   several resources. #}
{% macro forget_vanished_versions(resources, id_column, resource_column=none) -%}
{% if is_incremental() -%}
delete from {{ this }} as kept
where
    not exists (
        {% for resource in resources -%}
        select 1
        from {{ source('raw', resource ~ '_history') }} as versions
        where
            versions.id = kept.{{ id_column }} and versions.version = kept.version
            {% if resource_column %}and kept.{{ resource_column }} = '{{ resource }}'{% endif %}
        {% if not loop.last %}union all{% endif %}
        {% endfor %}
    )
{%- endif %}
{%- endmacro %}

{# Before an increment: keys that `relation` no longer has, or has without `condition`, leave the model too. #}
{% macro forget_absent(id_column, relation, condition='true') -%}
{% if is_incremental() -%}
delete from {{ this }}
where {{ id_column }} not in (select {{ id_column }} from {{ relation }} where {{ condition }})
{%- endif %}
{%- endmacro %}
