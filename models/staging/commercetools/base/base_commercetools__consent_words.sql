{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ forget_vanished_versions(['customers', 'orders', 'carts', 'custom_objects'], 'resource_id', 'resource_type') }}"
) }}
-- Grain: resource_type, resource_id, version, field_path. What each version of a record has in a
-- configured consent field, or in a field that says when, by which text or with what proof. A
-- version never changes, so each is opened once per path; paths that config/ no longer names stay
-- and are not read. Stage 1 of a sync builds this first: it reads ids, addresses, stores and
-- consent paths only, so nothing in a document can make it fail.
{%- set resources = ['customers', 'orders', 'carts', 'custom_objects'] %}
{%- set opened_keys = {
    'id': 'text', 'customerId': 'text', 'email': 'text', 'customerEmail': 'text', 'custom': 'json', 'container': 'text',
    'country': 'text', 'store': {'key': 'text'}, 'stores': [{'key': 'text'}],
    'addresses': [{'id': 'text', 'country': 'text'}],
    'defaultShippingAddressId': 'text', 'defaultBillingAddressId': 'text'
} %}
with configured as (
    {{ consent_paths() }}
),

unopened as (
    {% for resource in resources %}
        select
            configured.resource as resource_type,
            configured.field_path,
            history.id as resource_id,
            history.version,
            history.document,
            history.created_at,
            history.last_modified_at,
            history.loaded_at
        from {{ source('raw', resource ~ '_history') }} as history
        inner join configured on configured.resource = '{{ resource }}'
        {% if is_incremental() %}
            where
                (history.id, history.version, history.loaded_at) in (
                    select
                        fresh.id,
                        fresh.version,
                        fresh.loaded_at
                    from {{ source('raw', resource ~ '_history') }} as fresh
                    inner join configured as wanted on wanted.resource = '{{ resource }}'
                    where {{ is_unopened_word('fresh', 'wanted') }}
                )
                and {{ is_unopened_word('history', 'configured') }}
        {% endif %}
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

opened as (
    select
        *,
        {{ json_open('document', opened_keys) }} as doc
    from unopened
),

words as (
    select
        resource_type,
        resource_id,
        version,
        field_path,
        case when resource_type = 'customers' then resource_id else doc.customerId end
            as customer_id,
        {{ fold_email('coalesce(doc.customerEmail, doc.email)') }} as email,
        doc.container,
        coalesce(doc.store.key, {{ list_first('doc.stores') }}.key) as store_key,
        coalesce(doc.country, {{ preferred_address('doc.addresses', 'doc') }}.country)
            as country_code,
        -- nearly every path is one of custom fields: those are opened once, not with each path
        case
            when field_path like 'custom.%'
                then {{ try_json_text_at('doc.custom', 'substr(field_path, 8)') }}
            else {{ try_json_text_at('document', 'field_path') }}
        end as value_text,
        {{ ts_utc('created_at') }} as created_at,
        {{ ts_utc('last_modified_at') }} as last_modified_at,
        {{ ts_utc('loaded_at') }} as learned_at
    from opened
    where doc.id is not null
)

select * from words
