{{ config(materialized='table') }}
-- Grain: statement_id, profile_id. Everything said about consent, in the order in which it counts.
-- A grant counts for the profile that gave it; a refusal also for every other profile with the same
-- address, because messages go to addresses. What is said of an account is the account's, whether
-- the shop's data has its customer or not; an account that nothing else names has only its address.
with people as (
    select * from {{ ref('int_identity__people') }}
),

shop_statements as (
    select
        'commercetools' as system,
        statements.resource_type,
        statements.resource_id,
        statements.field_path,
        accounts.subject as customer_subject,
        'email:' || statements.email as email_subject,
        statements.email,
        statements.channel,
        statements.purpose,
        statements.status,
        statements.stated_at,
        statements.learned_at,
        statements.created_at,
        not statements.is_first_seen as is_seen_changing,
        true as is_explicit,
        statements.legal_basis,
        statements.policy_version,
        statements.proof_reference
    from {{ ref('stg_commercetools__consent_statements') }} as statements
    left join people as accounts on 'customer:' || statements.customer_id = accounts.subject
),

iterable_statements as (
    select
        'iterable' as system,
        said.resource_type,
        said.event_id as resource_id,
        said.event_type as field_path,
        accounts.subject as customer_subject,
        'email:' || said.email as email_subject,
        said.email,
        said.channel,
        said.purpose,
        said.status,
        said.stated_at,
        said.learned_at,
        said.stated_at as created_at,
        said.resource_type = 'iterable_event' as is_seen_changing,
        said.is_by_person as is_explicit,
        cast(null as varchar) as legal_basis,
        cast(null as varchar) as policy_version,
        cast(null as varchar) as proof_reference
    from {{ ref('int_consent__iterable_statements') }} as said
    left join people as accounts on 'customer:' || said.user_id = accounts.subject
),

-- what was collected elsewhere is the person's own word where somebody can show the proof
imported_statements as (
    select
        'import' as system,
        'imports' as resource_type,
        said.event_key as resource_id,
        said.source as field_path,
        accounts.subject as customer_subject,
        'email:' || said.email as email_subject,
        said.email,
        said.channel,
        said.purpose,
        said.status,
        said.stated_at,
        said.learned_at,
        said.stated_at as created_at,
        true as is_seen_changing,
        said.proof_reference is not null as is_explicit,
        said.legal_basis,
        said.policy_version,
        said.proof_reference
    from {{ ref('stg_imports__consent_statements') }} as said
    left join people as accounts on 'customer:' || said.customer_id = accounts.subject
),

unioned as (
    select * from shop_statements
    union all
    select * from iterable_statements
    union all
    select * from imported_statements
),

named as (
    select
        *,
        'statement-' || left({{ sha256_hex(
            "concat_ws(chr(31), resource_type, resource_id, field_path, channel, purpose, status, "
            ~ ts_iso('stated_at') ~ ")"
        ) }}, 32) as statement_id,
        {{ consent_restriction('status') }} as restriction
    from unioned
),

attributed as (
    select
        named.*,
        people.profile_id
    from named
    inner join people on coalesce(named.customer_subject, named.email_subject) = people.subject

    union

    select
        named.*,
        people.profile_id
    from named
    inner join people on named.email = people.email
    where named.status in ('denied', 'withdrawn')
),

keyed as (
    select distinct
        attributed.*,
        profiles.person_key,
        profiles.profile_subject as subject
    from attributed
    inner join people as profiles on attributed.profile_id = profiles.profile_id
),

-- Taking a tick away is no refusal, but it ends the grant that the same field gave.
ordered as (
    select
        *,
        resource_type || resource_id || field_path as said_in,
        last_value(
            case
                when status <> 'unknown'
                    then resource_type || resource_id || field_path || status
            end ignore nulls
        ) over (
            partition by profile_id, channel, purpose, system
            order by stated_at, restriction, learned_at, statement_id
            rows between unbounded preceding and 1 preceding
        ) as word_before,
        last_value(case when status <> 'unknown' then status end ignore nulls) over (
            partition by profile_id, channel, purpose
            order by stated_at, restriction, learned_at, statement_id
            rows between unbounded preceding and 1 preceding
        ) as status_before
    from keyed
),

-- Iterable also records what programs told it, this one among them: where that repeats what was
-- decided before, nobody said anything.
weighed as (
    select
        *,
        case
            when status = 'unknown'
                then coalesce(word_before in (
                    said_in || 'granted', said_in || 'pending'
                ), false)
            when resource_type = 'iterable_event' and not is_explicit
                then not coalesce(
                    (status_before in ('denied', 'withdrawn') and status = 'withdrawn')
                    or status_before = status, false
                )
            else true
        end as is_decisive
    from ordered
),

sourced as (
    select
        statement_id,
        profile_id,
        person_key,
        subject,
        email,
        channel,
        purpose,
        status,
        system,
        resource_type || '.' || field_path as source,
        resource_type,
        resource_id,
        stated_at,
        learned_at,
        created_at,
        is_seen_changing,
        is_explicit,
        is_decisive,
        legal_basis,
        policy_version,
        proof_reference,
        row_number() over (
            partition by profile_id, channel, purpose
            order by stated_at, restriction, learned_at, statement_id
        ) as statement_number
    from weighed
)

select * from sourced
