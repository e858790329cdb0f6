-- Grain: subject (person_key). Who is who at Iterable: addresses to be changed, or held because the
-- new one belongs to another user there (a merge); and users of deleted customers, to be deleted
-- after the grace period if config/identity_policies.csv says so.
with people as (
    select * from {{ ref('iterable_users') }}
),

recipients as (
    select * from {{ ref('recipients') }}
),

policies as (
    select * from {{ ref('identity_policies') }}
),

deletions as (
    select
        'customer:' || customer_id as subject,
        deleted_at
    from {{ ref('stg_commercetools__customer_deletions') }}
),

outcomes as (
    select * from {{ source('delivered', 'outcomes') }}
    where object = 'identities'
),

renames as (
    select
        profile_id,
        case when rename_state = 'planned' then 'email_change' else 'merge' end as kind,
        desired_email as email,
        previous_email,
        user_id,
        case when user_id is null then 'users/updateEmail' else 'users/update' end as endpoint,
        rename_fingerprint as change_fingerprint,
        cast(null as timestamp) as due_at,
        case when rename_state = 'planned' then 'send' else 'held' end as verdict,
        case
            when
                rename_state = 'blocked'
                then 'merge: the new address belongs to another user at Iterable'
        end as verdict_reason
    from recipients
    where rename_state in ('planned', 'blocked')
),

-- an address of an e-mail-based project that another living person has now is that person's user
deleted_users as (
    select
        recipients.profile_id,
        recipients.person_key,
        recipients.known_email,
        recipients.user_id,
        deletions.deleted_at,
        {{ ts_add_hours('deletions.deleted_at', '24 * policies.grace_days') }} as due_at,
        coalesce(policies.policy = 'send', false) as is_allowed
    from recipients
    inner join people on recipients.profile_id = people.profile_id
    left join deletions on people.subject = deletions.subject
    left join policies on policies.kind = 'deletion'
    where
        not recipients.should_exist
        and recipients.is_user_of_theirs
        and not exists (
            select 1 from recipients as living
            where
                living.should_exist
                and recipients.user_id is null
                and living.desired_email = recipients.known_email
        )
),

removals as (
    select
        profile_id,
        'deletion' as kind,
        known_email as email,
        cast(null as varchar) as previous_email,
        user_id,
        case
            when user_id is null then 'users/deleteByEmail' else 'users/deleteByUserId'
        end as endpoint,
        {{ sha256_hex(
            "person_key || chr(31) || 'deletion' || chr(31) || coalesce("
            ~ ts_iso('deleted_at') ~ ", '')"
        ) }} as change_fingerprint,
        case when is_allowed then due_at end as due_at,
        case
            when is_allowed and due_at <= {{ as_of() }} then 'send' else 'held'
        end as verdict,
        case
            when not is_allowed
                then 'customer deleted: config/identity_policies.csv holds deletions'
            when due_at is null then 'customer deleted: nobody knows when'
            when due_at > {{ as_of() }} then 'customer deleted: the grace period is not over'
        end as verdict_reason
    from deleted_users
),

-- in a userID-based project a guest has a user of their own, which stays when the guest becomes a
-- customer with another userId: two users of one person
left_guests as (
    select
        people.profile_id,
        'merge' as kind,
        people.email,
        cast(null as varchar) as previous_email,
        people.user_id,
        'users/merge' as endpoint,
        {{ sha256_hex("people.person_key || chr(31) || 'merge' || chr(31) || guests.person_key") }}
            as change_fingerprint,
        cast(null as timestamp) as due_at,
        'held' as verdict,
        'merge: what the person did as a guest is with another user at Iterable' as verdict_reason
    from people
    inner join {{ source('delivered', 'users') }} as guests
        on {{ person_key(person_subject('null', 'people.email')) }} = guests.person_key
    where
        {{ project_identifies_by('user_id') }}
        and people.should_exist
        and people.user_id <> guests.user_id
        and people.identity_rule not in ('own_account', 'guest_address')
        and people.profile_id not in (select renames.profile_id from renames)
),

judged as (
    select * from renames
    union all
    select * from removals
    union all
    select * from left_guests
),

changed as (
    select
        'identities' as object,
        judged.kind,
        people.person_key as subject,
        people.person_key,
        judged.email,
        judged.user_id,
        judged.endpoint,
        judged.due_at,
        {{ verdict_fingerprint(
            'judged.change_fingerprint', 'judged.verdict', 'judged.verdict_reason'
        ) }} as fingerprint,
        2 as lane,
        people.market_code,
        people.source_modified_at,
        cast(null as timestamp) as occurred_at,
        cast(null as timestamp) as send_before_at,
        'none' as consent_requirement,
        judged.verdict,
        judged.verdict_reason,
        cast(null as varchar) as depends_on,
        false as waits_for_person,
        people.is_test,
        judged.previous_email,
        people.consent
    from judged
    inner join people on judged.profile_id = people.profile_id
),

unsettled as (
    select changed.*
    from changed
    left join outcomes on changed.subject = outcomes.subject
    -- an accepted change shows in delivered.users; the same change back and forth is a change each
    -- time
    where
        not (
            outcomes.fingerprint is not distinct from changed.fingerprint
            and coalesce(outcomes.is_sticky, false)
        )
)

select * from unsettled
