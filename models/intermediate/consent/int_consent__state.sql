{{ config(materialized='table') }}
-- Grain: profile_id, channel, purpose. What each person's consent is at this run's instant, who
-- said so, by which rule, and when time alone will change it.
with profiles as (
    select
        described.profile_id,
        described.person_key,
        described.market_code,
        described.is_deleted,
        described.date_of_birth,
        described.email,
        phones.phone_e164
    from {{ ref('int_profiles__described') }} as described
    left join {{ ref('int_profiles__phones') }} as phones
        on described.profile_id = phones.profile_id
),

rules as (
    select * from {{ ref('int_consent__rules') }}
),

winners as (
    select *
    from {{ ref('int_consent__weighed') }}
    where may_win
    qualify row_number() over (
        partition by profile_id, channel, purpose
        order by
            case when source_of_truth = 'most_restrictive' then restriction end desc nulls last,
            statement_number desc
    ) = 1
),

suppressed as (
    select
        profiles.profile_id,
        suppressions.channel
    from profiles
    inner join {{ ref('consent_suppressions') }} as suppressions
        on
            case suppressions.kind
                when 'address' then profiles.email
                when 'domain' then split_part(profiles.email, '@', 2)
                else profiles.phone_e164
            end = lower(suppressions.value)
),

gathered as (
    select
        profiles.profile_id,
        profiles.person_key,
        profiles.market_code,
        profiles.is_deleted,
        rules.channel,
        rules.purpose,
        rules.rule_id,
        rules.source_of_truth,
        winners.statement_id,
        coalesce(winners.effective_status, 'unknown') as said_status,
        winners.status as own_status,
        winners.system,
        winners.source,
        winners.stated_at,
        winners.learned_at,
        winners.legal_basis,
        winners.policy_version,
        winners.proof_reference,
        {{ ts_add_hours('winners.stated_at', '24 * rules.expires_after_days') }} as expires_at,
        {{ ts_add_years('profiles.date_of_birth', 'rules.minimum_age') }} as old_enough_at,
        exists(
            select 1 from suppressed
            where
                profiles.profile_id = suppressed.profile_id
                and suppressed.channel in ('*', rules.channel)
        ) as is_suppressed
    from profiles
    inner join rules on profiles.market_code = rules.market_code
    left join winners
        on
            profiles.profile_id = winners.profile_id
            and rules.channel = winners.channel
            and rules.purpose = winners.purpose
),

decided as (
    select
        *,
        case
            when is_deleted then 'person_deleted'
            when is_suppressed then 'suppressed'
            when statement_id is null then 'nothing_said'
            when said_status = 'granted' and old_enough_at > {{ as_of() }} then 'too_young'
            when said_status = 'granted' and expires_at <= {{ as_of() }} then 'expired'
            when own_status = 'unknown' then 'grant_taken_away'
            when said_status <> own_status then 'unconfirmed'
            else source_of_truth
        end as decided_by
    from gathered
),

final as (
    select
        profile_id,
        person_key,
        market_code,
        channel,
        purpose,
        case
            when decided_by in ('suppressed', 'too_young', 'expired') then 'denied'
            else said_status
        end as status,
        said_status = 'granted'
        and decided_by not in ('person_deleted', 'suppressed', 'too_young', 'expired')
            as is_messageable,
        statement_id,
        system,
        source,
        stated_at,
        learned_at,
        legal_basis,
        policy_version,
        proof_reference,
        rule_id,
        decided_by,
        case
            when decided_by = 'too_young' then old_enough_at
            when said_status = 'granted' and expires_at > {{ as_of() }} then expires_at
        end as due_at
    from decided
)

select * from final
