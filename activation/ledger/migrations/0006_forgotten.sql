-- People whom Iterable has forgotten (GDPR), as it told us by refusing a row of theirs. The claim lets nothing of them leave but
-- withdrawals. No identifier: whoever may be named again there is taken out by person_key.
create table forgotten (
    person_key text primary key,
    request_id text not null references requests (request_id),
    learned_at_ms integer not null
) strict, without rowid;
