-- Grain: subject (person_key). People of whom Iterable should know something else than it accepted
-- last: new ones, and those with changed fields, before and after. Only rows whose fingerprints
-- differ are opened into fields.
with people as (
    select * from {{ ref('iterable_users') }}
),

recipients as (
    select * from {{ ref('recipients') }}
),

unsubscribes as (
    select * from {{ ref('new_person_unsubscribes') }}
),

delivered_users as (
    select * from {{ source('delivered', 'users') }}
),

delivered_fields as (
    select * from {{ source('delivered', 'user_fields') }}
),

existing_fields as (
    select user_fields.* from {{ ref('stg_iterable__user_fields') }} as user_fields
    where {{ is_still_there('user_fields') }}
),

outcomes as (
    select * from {{ source('delivered', 'outcomes') }}
    where object = 'users'
),

settings as (
    select object from {{ ref('objects') }}
    where object = 'users' and kind = 'users' and is_enabled
),

policies as (
    {{ consent_policies('users', 'users') }}
),

judged as (
    select
        people.*,
        recipients.email as address,
        recipients.is_rename_planned,
        recipients.is_known,
        recipients.is_reachable,
        recipients.is_delivered,
        recipients.baseline_person_key,
        policies.without_consent,
        case
            when
                not recipients.is_known and unsubscribes.can_be_created
                then unsubscribes.unsubscribe_channel_ids
        end as unsubscribe_channel_ids,
        delivered_users.fields_fingerprint as delivered_fingerprint,
        case
            when recipients.hold_reason is not null then recipients.hold_reason
            when not recipients.is_known and not coalesce(unsubscribes.can_be_created, true)
                then 'cannot be created unsubscribed'
        end as hold_reason
    from people
    cross join settings
    inner join recipients on people.profile_id = recipients.profile_id
    inner join policies on people.market_code is not distinct from policies.market_code
    left join unsubscribes on people.profile_id = unsubscribes.profile_id
    left join delivered_users on people.person_key = delivered_users.person_key
    -- what becomes of a deleted customer's user is a change of identity
    where people.should_exist
),

decided as (
    select
        *,
        case
            when hold_reason is not null then 'held'
            when without_consent = 'suppress' and not has_messageable_channel then 'suppressed'
            else 'send'
        end as verdict,
        case
            when hold_reason is not null then hold_reason
            when
                without_consent = 'suppress' and not has_messageable_channel
                then 'no consent on any channel: kept out of Iterable'
        end as verdict_reason
    from judged
),

fingerprinted as (
    select
        *,
        {{ verdict_fingerprint('fields_fingerprint', 'verdict', 'verdict_reason') }} as fingerprint
    from decided
),

unsettled as (
    select fingerprinted.*
    from fingerprinted
    left join outcomes on fingerprinted.person_key = outcomes.subject
    where
        not coalesce(
            outcomes.fingerprint = fingerprinted.fingerprint
            and (outcomes.state = 'accepted' or outcomes.is_sticky),
            false
        )
        and (
            fingerprinted.verdict = 'held'
            or fingerprinted.fields_fingerprint is distinct from fingerprinted.delivered_fingerprint
        )
),

opened as (
    select * from unsettled
    where verdict <> 'held' and is_known
),

desired as (
    select
        opened.person_key,
        wanted.entry.field as field,  -- noqa: RF01, AL09
        wanted.entry.type as type,  -- noqa: RF01, AL09
        wanted.entry.value as value  -- noqa: RF01, AL09
    from opened
    cross join {{ list_each('opened.fields', 'wanted', 'entry') }}
),

-- what Iterable has of them: as we wrote it, else as it was found there
written as (
    select
        opened.person_key,
        delivered_fields.field,
        delivered_fields.type,
        delivered_fields.value,
        delivered_fields.fingerprint = 'unknown' as is_unknown
    from opened
    inner join delivered_fields on opened.baseline_person_key = delivered_fields.person_key
    -- what was left to Iterable since is not ours to clear
    where
        not exists (
            select 1
            from {{ ref('int_profiles__fields_of_iterable') }} as fields_of_iterable
            where
                opened.market_code = fields_of_iterable.market_code
                and delivered_fields.field = fields_of_iterable.field
        )
),

found as (
    select
        opened.person_key,
        existing_fields.field,
        existing_fields.value_text
    from opened
    inner join existing_fields on opened.user_id = existing_fields.user_id
    union
    select
        opened.person_key,
        existing_fields.field,
        existing_fields.value_text
    from opened
    inner join existing_fields on opened.address = existing_fields.email
    where opened.user_id is null or existing_fields.user_id is null
),

baseline as (
    select
        coalesce(written.person_key, found.person_key) as person_key,
        coalesce(written.field, found.field) as field,
        written.type,
        written.value,
        case when written.field is null then found.value_text end as found_text,
        written.field is not null as is_ours,
        coalesce(written.is_unknown, false) as is_unknown
    from written
    full join found on written.person_key = found.person_key and written.field = found.field
),

-- a field no longer wanted is cleared if we wrote it; what others keep at Iterable is theirs
compared as (
    select
        coalesce(desired.person_key, baseline.person_key) as person_key,
        coalesce(desired.field, baseline.field) as field,
        coalesce(desired.type, baseline.type) as type,
        coalesce(baseline.value, {{ iterable_value('baseline.found_text', 'desired.type') }})
            as before,
        desired.value as after,
        baseline.type is not null and desired.type <> baseline.type as has_new_type,
        coalesce(baseline.is_unknown, false) as is_unknown
    from desired
    full join
        baseline
        on desired.person_key = baseline.person_key and desired.field = baseline.field
    where desired.field is not null or baseline.is_ours
),

changed_fields as (
    select
        person_key,
        {{ list_agg_ordered(
            struct_of([
                ('field', 'field'), ('type', 'type'), ('before', 'before'), ('after', 'after')
            ]), 'field'
        ) }} as changed_fields
    from compared
    -- what somebody else changed at Iterable is sent again, or cleared again
    where before is distinct from after or has_new_type or is_unknown
    group by person_key
),

changed as (
    select
        'users' as object,
        case
            when unsettled.verdict <> 'held' then 'users'
            when unsettled.verdict_reason like 'merge%' then 'merge'
            else 'users'
        end as kind,
        unsettled.person_key as subject,
        unsettled.person_key,
        unsettled.address as email,
        unsettled.user_id,
        unsettled.fingerprint,
        3 as lane,
        unsettled.market_code,
        unsettled.source_modified_at,
        cast(null as timestamp) as occurred_at,
        cast(null as timestamp) as send_before_at,
        case when unsettled.without_consent = 'suppress' then 'any' else 'none' end
            as consent_requirement,
        unsettled.verdict,
        unsettled.verdict_reason,
        cast(null as varchar) as depends_on,
        unsettled.is_rename_planned as waits_for_person,
        unsettled.is_test,
        {%- for column, _field, _type in profile_fields() if column != 'market_code' %}
            unsettled.{{ column }},
        {%- endfor %}
        case
            when unsettled.verdict = 'held' then []
            when not unsettled.is_known then {{ list_map('unsettled.fields', 'entry', struct_of([
                ('field', 'entry.field'), ('type', 'entry.type'), ('before', 'cast(null as varchar)'),
                ('after', 'entry.value')
            ])) }}
            else coalesce(changed_fields.changed_fields, [])
        end as changed_fields,
        unsettled.consent,
        unsettled.unsubscribe_channel_ids,
        not unsettled.is_known as is_new,
        unsettled.fields_fingerprint
    from unsettled
    left join changed_fields on unsettled.person_key = changed_fields.person_key
    -- a person found at Iterable with these very fields and numbers needs nothing
    where
        unsettled.verdict <> 'send'
        or not unsettled.is_known
        or not unsettled.is_reachable
        or changed_fields.person_key is not null
)

select * from changed
