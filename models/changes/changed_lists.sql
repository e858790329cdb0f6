-- Grain: subject (person_key and list). Who joins a static list and who leaves it: those who should
-- be on it against those Iterable has on it, by what it accepted from us, else as found at first
-- sight. Whom others put there stays, unless the list's row says that found members are removed.
with wanted as (
    select * from {{ ref('iterable_list_members') }}
),

kept as (
    select * from {{ ref('int_lists__kept') }}
),

recipients as (
    select * from {{ ref('recipients') }}
),

people as (
    select * from {{ ref('iterable_users') }}
),

people_in_run as (
    select * from {{ ref('changed_users') }}
    where verdict = 'send'
),

accepted as (
    select * from {{ source('delivered', 'list_members') }}
),

settings as (
    select * from {{ ref('objects') }}
    where object = 'lists' and is_enabled
),

policies as (
    select * from {{ ref('int_policies__without_consent') }}
    where object = 'lists'
),

refused as (
    select * from {{ source('delivered', 'outcomes') }}
    where object = 'lists' and is_sticky and state <> 'accepted'
),

found as (
    select
        recipients.person_key,
        members.list_id
    from recipients
    inner join {{ ref('stg_iterable__list_members') }} as members
        on recipients.user_id = members.user_id
    union
    select
        recipients.person_key,
        members.list_id
    from recipients
    inner join {{ ref('stg_iterable__list_members') }} as members
        on recipients.email = members.email
    -- where userIds identify, several users may have the address
    where not {{ project_identifies_by('user_id') }}
    union
    -- a list names a member by the userId that some earlier system gave out to a guest of ours
    select
        recipients.person_key,
        members.list_id
    from recipients
    inner join {{ ref('stg_iterable__users') }} as users
        on recipients.email = users.email
    inner join {{ ref('stg_iterable__list_members') }} as members
        on users.user_id = members.user_id
    where not {{ project_identifies_by('user_id') }}
),

members as (
    select
        person_key,
        list_id,
        true as is_ours
    from accepted
    where is_member
    union all
    select
        found.person_key,
        found.list_id,
        false as is_ours
    from found
    where not exists (
        select 1 from accepted
        where found.person_key = accepted.person_key and found.list_id = accepted.list_id
    )
),

joining as (
    select
        'list_add' as kind,
        8 as lane,
        wanted.subject,
        wanted.profile_id,
        wanted.list_name,
        wanted.iterable_list_id,
        wanted.flag,
        wanted.hold_reason
    from wanted
    where not exists (
        select 1 from members
        where wanted.person_key = members.person_key and wanted.iterable_list_id = members.list_id
    )
),

leaving as (
    select
        'list_remove' as kind,
        7 as lane,
        members.person_key || ':' || members.list_id as subject,
        recipients.profile_id,
        kept.list_name,
        members.list_id as iterable_list_id,
        kept.source as flag,
        cast(null as varchar) as hold_reason
    from members
    inner join kept on members.list_id = kept.list_id and kept.hold_reason is null
    inner join recipients on members.person_key = recipients.person_key
    where
        (members.is_ours or kept.removes_found_members)
        and not exists (
            select 1 from wanted
            where
                members.person_key = wanted.person_key
                and members.list_id = wanted.iterable_list_id
        )
),

moving as (
    select * from joining
    union all
    select * from leaving
),

addressed as (
    select
        moving.kind,
        moving.lane,
        moving.subject,
        moving.list_name,
        moving.iterable_list_id,
        moving.flag,
        recipients.person_key,
        recipients.email,
        recipients.user_id,
        coalesce(moving.hold_reason, recipients.hold_reason) as hold_reason,
        recipients.is_reachable or people_in_run.person_key is not null as is_at_iterable,
        policies.without_consent = 'suppress' and not recipients.has_messageable_channel
            as lacks_consent,
        recipients.is_rename_planned or not recipients.is_reachable as waits_for_person,
        policies.without_consent,
        people.market_code,
        people.source_modified_at,
        people.is_test
    from moving
    inner join settings on moving.kind = settings.kind
    inner join recipients on moving.profile_id = recipients.profile_id
    inner join people on moving.profile_id = people.profile_id
    inner join policies
        on
            moving.kind = policies.kind
            and people.market_code is not distinct from policies.market_code
    left join people_in_run on recipients.person_key = people_in_run.person_key
),

judged as (
    select
        *,
        {{ verdict_of_person() }} as verdict,
        {{ verdict_reason_of_person() }} as verdict_reason,
        {{ sha256_hex("kind || ':' || subject") }} as move_fingerprint
    from addressed
),

fingerprinted as (
    select
        *,
        {{ verdict_fingerprint('move_fingerprint', 'verdict', 'verdict_reason') }} as fingerprint
    from judged
),

changed as (
    select
        'lists' as object,
        fingerprinted.kind,
        fingerprinted.subject,
        fingerprinted.person_key,
        fingerprinted.email,
        fingerprinted.user_id,
        fingerprinted.fingerprint,
        fingerprinted.lane,
        fingerprinted.market_code,
        fingerprinted.source_modified_at,
        cast(null as timestamp) as occurred_at,
        cast(null as timestamp) as send_before_at,
        case when fingerprinted.without_consent = 'suppress' then 'any' else 'none' end
            as consent_requirement,
        fingerprinted.verdict,
        fingerprinted.verdict_reason,
        cast(null as varchar) as depends_on,
        fingerprinted.waits_for_person,
        fingerprinted.is_test,
        fingerprinted.list_name,
        fingerprinted.iterable_list_id,
        fingerprinted.flag
    from fingerprinted
    left join refused on fingerprinted.subject = refused.subject
    where refused.fingerprint is distinct from fingerprinted.fingerprint
)

select * from changed
