-- The analysts' copy of a ledger, empty.
create schema if not exists analyst.ledger;

create or replace table analyst.ledger.items (
    item_id bigint,
    run_id varchar,
    stage varchar,
    object varchar,
    kind varchar,
    subject varchar,
    person_key varchar,
    market_code varchar,
    state varchar,
    reason varchar,
    is_sticky boolean,
    is_verified boolean,
    source_modified_at timestamp,
    occurred_at timestamp,
    settled_at timestamp,
    request_id varchar
);

create or replace table analyst.ledger.requests (
    request_id varchar,
    run_id varchar,
    endpoint varchar,
    rows bigint,
    body_bytes bigint,
    claimed_at timestamp,
    settled_at timestamp,
    status bigint,
    fault varchar,
    elapsed_ms bigint
);

-- what each request carried of whom: one row per request and row of its body, names of fields but no values
create or replace table analyst.ledger.sent (
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

-- how far these tables have followed the ledger
create or replace table analyst.ledger.published_until (
    item_id bigint,
    run_id varchar,
    subject varchar,
    seq bigint,
    moved_item_id bigint,
    moved_at_ms bigint
);
