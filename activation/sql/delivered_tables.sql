-- What the fold writes. The same tables as macros/ensure_sources.sql makes for plain dbt: either
-- may come first.
create schema if not exists delivered;

create table if not exists delivered.outcomes (
    object varchar,
    kind varchar,
    subject varchar,
    person_key varchar,
    fingerprint varchar,
    state varchar,
    reason varchar,
    is_sticky boolean,
    run_id varchar,
    settled_at timestamp
);

create table if not exists delivered.users (
    person_key varchar,
    email varchar,
    user_id varchar,
    fields_fingerprint varchar,
    accepted_at timestamp
);

create table if not exists delivered.user_fields (
    person_key varchar,
    field varchar,
    type varchar,
    value varchar,
    fingerprint varchar
);

create table if not exists delivered.carts (
    person_key varchar,
    fingerprint varchar,
    accepted_at timestamp
);

create table if not exists delivered.list_members (
    person_key varchar,
    list_id varchar,
    is_member boolean,
    accepted_at timestamp
);

create table if not exists delivered.subscription_writes (
    item_id bigint,
    person_key varchar,
    email varchar,
    user_id varchar,
    subscription_group varchar,
    subscription_id bigint,
    action varchar,
    cause varchar,
    stated_at timestamp,
    claimed_at timestamp,
    settled_at timestamp,
    is_accepted boolean,
    is_overwriting boolean
);

create table if not exists delivered.gone_users (
    person_key varchar,
    email varchar,
    user_id varchar,
    gone_at timestamp
);

create table if not exists delivered.held_history (
    object varchar,
    kind varchar,
    subject varchar,
    person_key varchar,
    occurred_at timestamp,
    reason varchar,
    run_id varchar,
    seen_at timestamp
);

-- made without it by earlier versions
alter table delivered.held_history add column if not exists market_code varchar;

create table if not exists delivered.folded (settlement_id varchar);
