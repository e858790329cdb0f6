-- Every statement that counts for one profile, newest first.
select
    stated_at,
    learned_at,
    channel,
    purpose,
    status,
    system,
    source,
    is_explicit,
    is_decisive,
    legal_basis,
    policy_version,
    proof_reference,
    statement_id
from marts.consent_history
where profile_id = $profile_id
order by stated_at desc, learned_at desc, statement_id asc
