-- Grain: subject (person_key). Registered customers whose address at Iterable is not the shop's: to
-- be changed, or held because the new address belongs to another user there (a merge).
with people as (
    select * from {{ ref('iterable_users') }}
),

recipients as (
    select * from {{ ref('recipients') }}
    where rename_state in ('planned', 'blocked')
),

outcomes as (
    select * from {{ source('delivered', 'outcomes') }}
    where object = 'identities'
),

judged as (
    select
        recipients.*,
        case when recipients.rename_state = 'planned' then 'send' else 'held' end as verdict,
        case
            when
                recipients.rename_state = 'blocked'
                then 'merge: the new address belongs to another user at Iterable'
        end as verdict_reason
    from recipients
),

changed as (
    select
        'identities' as object,
        case when judged.verdict = 'send' then 'email_change' else 'merge' end as kind,
        judged.person_key as subject,
        judged.person_key,
        judged.desired_email as email,
        judged.user_id,
        case
            when judged.user_id is null then 'users/updateEmail' else 'users/update'
        end as endpoint,
        {{ verdict_fingerprint(
            'judged.rename_fingerprint', 'judged.verdict', 'judged.verdict_reason'
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
