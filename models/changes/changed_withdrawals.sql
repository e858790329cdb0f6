-- Grain: subject (person_key and channel). Opt-outs of people Iterable has, which it did not accept
-- yet. People it does not have are created unsubscribed instead. Part of stage 1: null-safe,
-- untested, reads no document.
with withdrawals as (
    select * from {{ ref('iterable_withdrawals') }}
),

test_profiles as (
    select * from {{ ref('test_profiles') }}
),

outcomes as (
    select * from {{ source('delivered', 'outcomes') }}
    where object = 'withdrawals'
),

delivered_fields as (
    select * from {{ source('delivered', 'user_fields') }}
),

subscribed as (
    select distinct
        person_key,
        subscription_id
    from {{ source('delivered', 'subscription_writes') }}
    where action = 'subscribe' and subscription_group = 'messageChannel'
),

settings as (
    select * from {{ ref('objects') }}
    where object = 'withdrawals' and kind = 'withdrawals' and is_enabled
),

incomplete_ledger as (
    select * from {{ source('control', 'ledger') }}
    where looks_first
),

known_users as (
    select
        person_key,
        {{ fold_email('email') }} as email,
        user_id,
        accepted_at
    from {{ source('delivered', 'users') }}
    union all
    select
        null as person_key,
        {{ fold_email('email') }} as email,
        {{ identifying_user_id('user_id') }} as user_id,
        null as accepted_at
    from {{ source('raw_iterable', 'users') }} as users
    -- who was deleted there since, or got another address, is not called that any more
    where {{ is_still_there('users', fold_email('users.email')) }}
    -- as we have delivered them since, maybe under another address
    and not exists (
        select 1 from {{ source('delivered', 'users') }} as delivered_users
        where delivered_users.user_id = {{ identifying_user_id('users.user_id') }}
    )
),

-- one address is one user at Iterable, whoever of ours was delivered under it; in a userID-based
-- project one userId is
named_users as (
    select
        *,
        {{ iterable_user('email', 'user_id') }} as iterable_user
    from known_users
),

iterable_users_now as (
    select * from named_users
    where iterable_user is not null
    qualify row_number() over (
        partition by iterable_user
        order by person_key is null, user_id is null, accepted_at desc nulls last, person_key asc
    ) = 1
),

matched as (
    select
        iterable_users_now.iterable_user,
        iterable_users_now.person_key as known_person_key,
        iterable_users_now.email as known_email,
        iterable_users_now.user_id as known_user_id,
        withdrawals.*
    from withdrawals
    inner join iterable_users_now on withdrawals.user_id = iterable_users_now.user_id
    union
    select
        iterable_users_now.iterable_user,
        iterable_users_now.person_key as known_person_key,
        iterable_users_now.email as known_email,
        iterable_users_now.user_id as known_user_id,
        withdrawals.*
    from withdrawals
    inner join iterable_users_now on withdrawals.email = iterable_users_now.email
    union
    -- in an e-mail-based project a customer may still be there under an address of before
    select
        iterable_users_now.iterable_user,
        iterable_users_now.person_key as known_person_key,
        iterable_users_now.email as known_email,
        iterable_users_now.user_id as known_user_id,
        withdrawals.*
    from withdrawals
    inner join iterable_users_now on withdrawals.person_key = iterable_users_now.person_key
),

-- the newest word about the user counts, and of two at one instant the refusal
newest as (
    select *
    from matched
    qualify row_number() over (
        partition by iterable_user, channel, purpose
        order by stated_at desc nulls last, is_opted_out desc, subject asc
    ) = 1
),

opted_out as (
    select
        *,
        -- several users of a userID-based project may hear of one word about their address, so each
        -- row is about the user, not about who said it
        coalesce(
            known_person_key,
            case
                when
                    user_id is distinct from known_user_id
                    and {{ project_identifies_by('user_id') }}
                    then {{ person_key("'customer:' || known_user_id") }}
            end,
            person_key
        ) as target_person_key,
        {{ sha256_hex(
            "coalesce(cast(iterable_channel_id as varchar), '') || chr(31) || status || chr(31) || coalesce("
            ~ ts_iso('stated_at') ~ ", '')"
        ) }} as statement_fingerprint,
        case
            when iterable_channel_id is null
                then 'Iterable has no channel of the name that config/iterable_channels.csv gives'
        end as verdict_reason,
        case when iterable_channel_id is null then 'held' else 'send' end as verdict
    from newest
    where is_opted_out
),

changed as (
    select
        'withdrawals' as object,
        'withdrawals' as kind,
        opted_out.target_person_key
        || ':' || opted_out.channel
        || case when opted_out.purpose = 'marketing' then '' else ':' || opted_out.purpose end
            as subject,
        opted_out.target_person_key as person_key,
        opted_out.known_email as email,
        opted_out.known_user_id as user_id,
        {{ verdict_fingerprint(
            'opted_out.statement_fingerprint', 'opted_out.verdict', 'opted_out.verdict_reason'
        ) }} as fingerprint,
        1 as lane,
        cast(null as varchar) as market_code,
        opted_out.stated_at as source_modified_at,
        opted_out.stated_at as occurred_at,
        cast(null as timestamp) as send_before_at,
        'none' as consent_requirement,
        opted_out.verdict,
        opted_out.verdict_reason,
        cast(null as varchar) as depends_on,
        false as waits_for_person,
        exists(
            select 1
            from test_profiles
            where
                -- an e-mail-based project has no userIds; who spoke is the customer then
                test_profiles.customer_id
                = coalesce(opted_out.known_user_id, opted_out.customer_id)
                or {{ fold_email('test_profiles.email') }} = opted_out.known_email
        ) as is_test,
        opted_out.channel,
        opted_out.purpose,
        opted_out.iterable_channel_id,
        opted_out.stated_at,
        opted_out.status,
        opted_out.known_person_key
    from opted_out
    cross join settings
),

unsettled as (
    select changed.*
    from changed
    left join outcomes on changed.subject = outcomes.subject
    left join delivered_fields
        on
            changed.known_person_key = delivered_fields.person_key
            and delivered_fields.field
            = 'consent.' || {{ consent_field('changed.channel', 'changed.purpose') }}
    left join subscribed
        on
            changed.known_person_key = subscribed.person_key
            and changed.iterable_channel_id = subscribed.subscription_id
    where
        not coalesce(
            outcomes.fingerprint = changed.fingerprint
            and (outcomes.state = 'accepted' or outcomes.is_sticky),
            false
        )
        -- delivered with this very status, never withdrawn and never subscribed: created so. A
        -- ledger that may have lost a grant cannot tell; an unsubscribe said twice is harmless
        and not coalesce(
            outcomes.subject is null and delivered_fields.value = changed.status
            and subscribed.person_key is null
            and not exists (select 1 from incomplete_ledger), false
        )
),

final as (
    select
        object,
        kind,
        subject,
        person_key,
        email,
        user_id,
        fingerprint,
        lane,
        market_code,
        source_modified_at,
        occurred_at,
        send_before_at,
        consent_requirement,
        verdict,
        verdict_reason,
        depends_on,
        waits_for_person,
        is_test,
        channel,
        purpose,
        iterable_channel_id,
        stated_at
    from unsettled
)

select * from final
