-- Everybody who has this customer id or folded address, with what was decided about each channel and purpose, who said so,
-- and where Iterable has it otherwise.
select
    profiles.profile_id,
    profiles.person_key,
    profiles.customer_id,
    profiles.email,
    profiles.market_code,
    consent_state.channel,
    consent_state.purpose,
    consent_state.status,
    consent_state.is_messageable,
    consent_state.rule_id,
    consent_state.decided_by,
    consent_state.statement_id,
    consent_state.system,
    consent_state.source,
    consent_state.stated_at,
    consent_state.legal_basis,
    consent_state.policy_version,
    consent_state.proof_reference,
    consent_state.due_at,
    consent_gap.more_open as gap_more_open,
    consent_gap.since_at as gap_since_at,
    (select max(published.published_at) from marts.published) as published_at
from marts.profiles
inner join marts.consent_state on profiles.profile_id = consent_state.profile_id
left join marts.consent_gap
    on
        consent_state.profile_id = consent_gap.profile_id
        and consent_state.channel = consent_gap.channel
        and consent_state.purpose = consent_gap.purpose
where profiles.customer_id = $customer_id or profiles.email = $email
order by
    profiles.customer_id nulls last, profiles.profile_id, consent_state.channel, consent_state.purpose
