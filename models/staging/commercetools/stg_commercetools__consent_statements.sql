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

evidence as (
    select * from {{ ref('consent_evidence') }}
),

words as (
    select * from {{ ref('base_commercetools__consent_words') }}
),

placed as (
    select
        words.*,
        {{ market_of('words.store_key', 'words.country_code') }} as market_code
    from words
),

said as (
    select
        placed.resource_type,
        placed.resource_id,
        placed.version,
        placed.field_path,
        placed.market_code,
        placed.value_text,
        configured.channel,
        configured.purpose
    from placed
    inner join configured
        on
            placed.resource_type = configured.resource
            and placed.field_path = configured.field_path
    left join evidence
        on
            placed.resource_type = evidence.resource
            and placed.field_path = evidence.field_path
    where evidence.container is null or evidence.container = placed.container
),

-- a value that config/consent_fields.csv does not list says nothing that may be relied on
understood as (
    select
        said.*,
        case
            when said.value_text is not null
                then coalesce(own_market.status, every_market.status, 'unknown')
        end as status
    from said
    left join meanings as own_market
        on
            said.resource_type = own_market.resource
            and said.field_path = own_market.field_path
            and said.channel = own_market.channel
            and said.purpose = own_market.purpose
            and said.market_code = own_market.market_code
            and lower(said.value_text) = lower(own_market.value)
    left join meanings as every_market
        on
            said.resource_type = every_market.resource
            and said.field_path = every_market.field_path
            and said.channel = every_market.channel
            and said.purpose = every_market.purpose
            and every_market.market_code = '*'
            and lower(said.value_text) = lower(every_market.value)
),

-- the fields that say when, by which text or with what proof, beside the field that they are about
evidenced as (
    select
        words.resource_type,
        words.resource_id,
        words.version,
        evidence.field_path,
        max(evidence.legal_basis) as legal_basis,
        max(case when words.field_path = evidence.stated_at_path then words.value_text end)
            as stated_at,
        max(case when words.field_path = evidence.email_path then words.value_text end)
            as object_email,
        max(case when words.field_path = evidence.policy_version_path then words.value_text end)
            as policy_version,
        max(case when words.field_path = evidence.proof_path then words.value_text end)
            as proof_reference
    from words
    inner join evidence
        on
            words.resource_type = evidence.resource
            and words.field_path in (
                evidence.field_path,
                evidence.stated_at_path,
                evidence.email_path,
                evidence.policy_version_path,
                evidence.proof_path
            )
            and (evidence.container is null or words.container = evidence.container)
    group by words.resource_type, words.resource_id, words.version, evidence.field_path
),

timed as (
    select
        understood.resource_type,
        understood.resource_id,
        understood.version,
        understood.field_path,
        understood.channel,
        understood.purpose,
        understood.status,
        {{ try_ts_from_iso('evidenced.stated_at') }} as own_time
    from understood
    left join evidenced
        on
            understood.resource_type = evidenced.resource_type
            and understood.resource_id = evidenced.resource_id
            and understood.version = evidenced.version
            and understood.field_path = evidenced.field_path
),

-- Ordering is what takes memory: only what decides is ordered, and what goes with it joined after.
sequenced as (
    select
        *,
        lag(status) over field_versions as status_before,
        lag(own_time) over field_versions as own_time_before,
        row_number() over field_versions as version_number
    from timed
    window field_versions as (
        partition by resource_type, resource_id, field_path, channel, purpose order by version
    )
),

-- who says the same once more says something where the field has a time of its own
spoken as (
    select
        *,
        version_number = 1 as is_first_seen
    from sequenced
    where
        coalesce(status, 'unknown') <> coalesce(status_before, 'unknown')
        or (status is not null and own_time is distinct from own_time_before)
),

witnessed as (
    select
        spoken.*,
        placed.customer_id,
        placed.email,
        placed.market_code,
        placed.created_at,
        placed.last_modified_at,
        placed.learned_at,
        evidenced.legal_basis,
        {{ fold_email('evidenced.object_email') }} as object_email,
        evidenced.policy_version,
        evidenced.proof_reference
    from spoken
    inner join placed
        on
            spoken.resource_type = placed.resource_type
            and spoken.resource_id = placed.resource_id
            and spoken.version = placed.version
            and spoken.field_path = placed.field_path
    left join evidenced
        on
            spoken.resource_type = evidenced.resource_type
            and spoken.resource_id = evidenced.resource_id
            and spoken.version = evidenced.version
            and spoken.field_path = evidenced.field_path
),

-- A field's own time counts, unless it lies ahead of the version that has it. Else the first
-- version we have of a customer may be years younger than the word itself. Then the benefit of the
-- doubt goes against sending: a grant is as old as the record, a refusal as young as this version.
-- At checkout people say it when the order or cart is made.
dated as (
    select
        resource_type,
        resource_id,
        version,
        customer_id,
        case when resource_type = 'custom_objects' then object_email else email end as email,
        market_code,
        field_path,
        channel,
        purpose,
        coalesce(status, 'unknown') as status,
        case
            when status is not null and own_time <= last_modified_at then own_time
            when is_first_seen and (resource_type <> 'customers' or status = 'granted')
                then created_at
            else last_modified_at
        end as stated_at,
        learned_at,
        created_at,
        is_first_seen,
        legal_basis,
        policy_version,
        proof_reference
    from witnessed
)

select * from dated
