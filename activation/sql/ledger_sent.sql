-- What each request carried of whom: one row per request and row of its body, names of fields but no values.
create schema if not exists analyst.ledger;

create table if not exists analyst.ledger.sent (
    request_id varchar,
    position bigint,
    item_id bigint,
    run_id varchar,
    person_key varchar,
    object varchar,
    kind varchar,
    subject varchar,
    endpoint varchar,
    sent_at timestamp,
    status bigint,
    outcome varchar,
    reason varchar,
    fields varchar[]
);
