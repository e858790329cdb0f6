{{ config(materialized='table') }}
-- Grain: resource_type, resource_id, field_path, channel, purpose, version. What a configured
-- consent field came to say in this version; versions that say the same as the one before are left
-- out. Stage 1 of a sync builds this before anything else and without tests.
with configured as (
    select distinct
        resource,
        field_path,
        channel,
        purpose
    from {{ ref('consent_fields') }}
),

meanings as (
    select * from {{ ref('consent_fields') }}
),

words as (
    select * from {{ ref('base_commercetools__consent_words') }}
),

said as (
    select
        words.*,
        configured.channel,
        configured.purpose
    from words
    inner join configured
        on
            words.resource_type = configured.resource
            and words.field_path = configured.field_path
),

-- a value that config/consent_fields.csv does not list says nothing that may be relied on
understood as (
    select
        said.*,
        case
            when said.value_text is not null then coalesce(meanings.status, 'unknown')
        end as status
    from said
    left join meanings
        on
            said.resource_type = meanings.resource
            and said.field_path = meanings.field_path
            and said.channel = meanings.channel
            and said.purpose = meanings.purpose
            and lower(said.value_text) = lower(meanings.value)
),

sequenced as (
    select
        *,
        lag(status) over field_versions as status_before,
        row_number() over field_versions as version_number
    from understood
    window field_versions as (
        partition by resource_type, resource_id, field_path, channel, purpose order by version
    )
),

spoken as (
    select
        *,
        version_number = 1 as is_first_seen
    from sequenced
    where coalesce(status, 'unknown') <> coalesce(status_before, 'unknown')
),

-- The first version we have of a customer may be years younger than the word itself. Then the
-- benefit of the doubt goes against sending: a grant is as old as the record, a refusal as young as
-- this version. At checkout people say it when the order or cart is made.
dated as (
    select
        resource_type,
        resource_id,
        version,
        customer_id,
        email,
        field_path,
        channel,
        purpose,
        coalesce(status, 'unknown') as status,
        case
            when is_first_seen and (resource_type <> 'customers' or status = 'granted')
                then created_at
            else last_modified_at
        end as stated_at,
        learned_at,
        created_at,
        is_first_seen
    from spoken
)

select * from dated
