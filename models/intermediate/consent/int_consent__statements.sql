{{ config(materialized='table') }}
-- Grain: statement_id, profile_id. Everything said about consent, in the order in which it counts.
-- A grant counts for the profile that gave it; a refusal also for every other profile with the same
-- address, because messages go to addresses.
with people as (
    select * from {{ ref('int_identity__people') }}
),

shop_statements as (
    select
        statements.resource_type,
        statements.resource_id,
        statements.field_path,
        'customer:' || customers.customer_id as customer_subject,
        'email:' || statements.email as email_subject,
        statements.email,
        statements.channel,
        statements.purpose,
        statements.status,
        statements.stated_at,
        statements.learned_at,
        statements.created_at,
        not statements.is_first_seen as is_seen_changing
    from {{ ref('stg_commercetools__consent_statements') }} as statements
    left join {{ ref('stg_commercetools__customers') }} as customers
        on statements.customer_id = customers.customer_id
),

iterable_statements as (
    select
        source as resource_type,
        event_id as resource_id,
        'iterable' as field_path,
        'customer:' || user_id as customer_subject,
        'email:' || email as email_subject,
        email,
        channel,
        purpose,
        'withdrawn' as status,
        stated_at,
        learned_at,
        stated_at as created_at,
        source = 'iterable_unsubscribe' as is_seen_changing
    from {{ ref('int_consent__iterable_withdrawals') }}
),

unioned as (
    select * from shop_statements
    union all
    select * from iterable_statements
),

named as (
    select
        *,
        'statement-' || left({{ sha256_hex(
            "concat_ws(chr(31), resource_type, resource_id, field_path, channel, purpose, status, "
            ~ ts_iso('stated_at') ~ ")"
        ) }}, 32) as statement_id,
        case status
            when 'withdrawn' then 3
            when 'denied' then 2
            when 'granted' then 1
            else 0
        end as restriction
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

-- Taking a tick away is no refusal, but it ends the grant that the same field gave. Iterable also
-- records the unsubscribes that we asked for: after a refusal its word says nothing new.
ordered as (
    select
        *,
        resource_type || resource_id || field_path as said_in,
        last_value(case when restriction > 0 then said_in || status end ignore nulls)
            over (
                partition by profile_id, channel, purpose
                order by stated_at, restriction, learned_at, statement_id
                rows between unbounded preceding and 1 preceding
            ) as word_before,
        last_value(case when restriction > 0 then status end ignore nulls)
            over (
                partition by profile_id, channel, purpose
                order by stated_at, restriction, learned_at, statement_id
                rows between unbounded preceding and 1 preceding
            ) as status_before
    from keyed
),

weighed as (
    select
        *,
        (
            restriction > 0
            and not coalesce(
                field_path = 'iterable' and status_before in ('denied', 'withdrawn'), false
            )
        )
        or coalesce(word_before = said_in || 'granted', false) as is_decisive
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
        resource_type || '.' || field_path as source,
        resource_type,
        resource_id,
        stated_at,
        learned_at,
        created_at,
        is_seen_changing,
        is_decisive,
        row_number() over (
            partition by profile_id, channel, purpose
            order by stated_at, restriction, learned_at, statement_id
        ) as statement_number
    from weighed
)

select * from sourced
