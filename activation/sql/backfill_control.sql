-- The history a run is asked to let go; nothing in an ordinary run. The same tables as
-- macros/ensure_sources.sql makes.
create schema if not exists control;

create table if not exists control.backfill (
    backfill_id bigint,
    object varchar,
    kind varchar,
    since timestamp,
    until timestamp,
    market_code varchar,
    has_ids boolean,
    includes_live_carts boolean,
    after_at timestamp,
    after_subject varchar,
    rows_max bigint
);

create table if not exists control.backfill_ids (subject varchar);

delete from control.backfill;

delete from control.backfill_ids;
