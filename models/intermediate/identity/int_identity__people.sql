{{ config(materialized='table') }}
-- Grain: subject. Every way a person is named (customer:<id>, email:<address>) and the profile that
-- name belongs to.
-- An account without a customer is named as the customer will be once the document is there, so
-- facts keep whose they are.
with accounts as (
    select
        customer_id,
        email,
        'own_account' as identity_rule
    from {{ ref('stg_commercetools__customers') }}
    union all
    select
        customer_id,
        email,
        'account_not_in_shop' as identity_rule
    from {{ ref('int_identity__accounts_not_in_shop') }}
),

guests as (
    select * from {{ ref('int_identity__guests') }}
),

named as (
    select
        {{ person_subject('customer_id', 'null') }} as subject,
        {{ person_subject('customer_id', 'null') }} as profile_subject,
        customer_id,
        email,
        identity_rule
    from accounts

    union all

    select
        {{ person_subject('null', 'email') }} as subject,
        {{ person_subject('linked_customer_id', 'email') }} as profile_subject,
        linked_customer_id as customer_id,
        email,
        identity_rule
    from guests
),

keyed as (
    select
        subject,
        profile_subject,
        customer_id,
        email,
        identity_rule,
        customer_id is not null as is_registered,
        {{ person_key('profile_subject') }} as person_key
    from named
),

profiled as (
    select
        *,
        coalesce(customer_id, 'guest-' || left(person_key, 32)) as profile_id
    from keyed
)

select * from profiled
