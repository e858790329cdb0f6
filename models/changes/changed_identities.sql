-- Grain: subject (person_key). Who is who at Iterable: addresses to be changed; two users of one
-- person, to be merged; users of deleted customers, to be deleted after the grace period. What
-- cannot be undone is held unless config/identity_policies.csv says otherwise.
with people as (
    select * from {{ ref('iterable_users') }}
),

recipients as (
    select * from {{ ref('recipients') }}
),

policies as (
    select * from {{ ref('identity_policies') }}
),

opt_outs as (
    select * from {{ ref('changed_withdrawals') }}
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

-- under which key somebody would be known as a guest
guest_keys as (
    select
        profile_id,
        {{ person_key(person_subject('null', 'email')) }} as guest_key
    from people
    -- whose customer cannot be read may be anybody
    where is_in_shop and identity_rule not in ('own_account', 'guest_address')
),

-- A person whom Iterable has twice: as the guest of before, and as the customer. In a userID-based
-- project that is every guest who registers; elsewhere the address is the same user, unless the
-- customer was there under another one already. Which side's unsubscribes survive a merge is not
-- documented, so those of both come first, and again afterwards.
two_users as (
    select
        recipients.profile_id,
        recipients.person_key,
        recipients.user_id,
        coalesce(recipients.known_email, recipients.email) as known_email,
        recipients.is_user_of_theirs,
        guests.person_key as source_person_key,
        case when guests.user_id is null then guests.email end as source_email,
        guests.user_id as source_user_id,
        recipients.person_key in (select opt_outs.person_key from opt_outs)
        or guests.person_key in (select opt_outs.person_key from opt_outs) as has_opt_out
    from recipients
    inner join guest_keys on recipients.profile_id = guest_keys.profile_id
    inner join {{ source('delivered', 'users') }} as guests
        on guest_keys.guest_key = guests.person_key
    where
        recipients.should_exist
        and recipients.person_key <> guests.person_key
        and (
            recipients.rename_state = 'blocked'
            or ({{ project_identifies_by('user_id') }} and recipients.rename_state = 'none')
        )
),

renames as (
    select
        profile_id,
        case when rename_state = 'planned' then 'email_change' else 'merge' end as kind,
        desired_email as email,
        previous_email,
        cast(null as varchar) as source_email,
        user_id,
        cast(null as varchar) as source_user_id,
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
    where
        rename_state in ('planned', 'blocked')
        and profile_id not in (select two_users.profile_id from two_users)
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
        cast(null as varchar) as source_email,
        user_id,
        cast(null as varchar) as source_user_id,
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

guest_merges as (
    select
        two_users.profile_id,
        'merge' as kind,
        two_users.known_email as email,
        cast(null as varchar) as previous_email,
        two_users.source_email,
        two_users.user_id,
        two_users.source_user_id,
        'users/merge' as endpoint,
        {{ sha256_hex(
            "two_users.person_key || chr(31) || 'merge' || chr(31) || two_users.source_person_key"
        ) }} as change_fingerprint,
        cast(null as timestamp) as due_at,
        case
            when
                policies.policy = 'send'
                and two_users.is_user_of_theirs
                and not two_users.has_opt_out
                then 'send'
            else 'held'
        end as verdict,
        case
            when coalesce(policies.policy <> 'send', true)
                then
                    'merge: what the person did as a guest is with another user at Iterable, '
                    || 'and config/identity_policies.csv holds merges'
            when not two_users.is_user_of_theirs then 'merge: the customer is created first'
            when two_users.has_opt_out
                then 'merge: an opt-out of one of the two users goes first'
        end as verdict_reason
    from two_users
    left join policies on policies.kind = 'merge'
),

judged as (
    select * from renames
    union all
    select * from removals
    union all
    select * from guest_merges
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
        judged.source_email,
        judged.source_user_id,
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
