{{ config(
    materialized='incremental',
    unique_key='customer_id',
    on_schema_change='sync_all_columns',
    pre_hook="{{ forget_vanished('customers', 'customer_id') }}"
) }}
-- Customers' documents, opened once. Rows with a rejection_reason go to rejected_documents and
-- nowhere else.
with source as (
    {{ unopened('customers', 'customer_id') }}
),

opened as (
    select
        id,
        version,
        created_at,
        last_modified_at,
        loaded_at,
        {{ json_open('document', {
            'email': 'text',
            'isEmailVerified': 'boolean',
            'customerNumber': 'text',
            'firstName': 'text',
            'lastName': 'text',
            'companyName': 'text',
            'dateOfBirth': 'text',
            'locale': 'text',
            'stores': [{'key': 'text'}],
            'customerGroup': {'id': 'text'},
            'customerGroupAssignments': [{'customerGroup': {'id': 'text'}}],
            'addresses': [{'id': 'text', 'country': 'text', 'phone': 'text', 'mobile': 'text'}],
            'defaultShippingAddressId': 'text',
            'defaultBillingAddressId': 'text'
        }) }} as doc
    from source
),

addressed as (
    select
        *,
        {{ preferred_address('doc.addresses', 'doc') }} as main_address,
        {{ list_where('doc.addresses', 'place', phone_of('place') ~ ' is not null') }}
            as addresses_with_phone
    from opened
),

phoned as (
    select
        *,
        {{ preferred_address('addresses_with_phone', 'doc') }} as phone_address
    from addressed
),

renamed as (
    select
        -- keys and attributes
        id as customer_id,
        version,
        {{ fold_email('doc.email') }} as email,
        coalesce(doc.isEmailVerified, false) as is_email_verified,
        doc.customerNumber as customer_number,
        nullif(trim(doc.firstName), '') as first_name,
        nullif(trim(doc.lastName), '') as last_name,
        nullif(trim(doc.companyName), '') as company_name,
        {{ try_date('doc.dateOfBirth') }} as date_of_birth,
        doc.locale,
        {{ list_first('doc.stores') }}.key as store_key,
        coalesce(
            doc.customerGroup.id, {{ list_first('doc.customerGroupAssignments') }}.customerGroup.id
        ) as customer_group_id,
        main_address.country as country_code,
        {{ phone_of('phone_address') }} as phone_raw,
        phone_address.country as phone_country_code,
        -- times
        {{ ts_utc('created_at') }} as created_at,
        {{ ts_utc('last_modified_at') }} as last_modified_at,
        {{ ts_utc('loaded_at') }} as loaded_at,
        case
            when doc is null then 'the document is not a JSON object'
            when {{ fold_email('doc.email') }} is null then 'email is missing'
            when created_at is null then 'createdAt is missing or not a time'
        end as rejection_reason
    from phoned
)

select * from renamed
