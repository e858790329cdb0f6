-- History that somebody asked to let go: what, how far it has come, and who said so. The warehouse can be made anew, this cannot.
-- `kinds` and `ids` are JSON: [[object, kind], ...] and [subject, ...]; no ids: any. The place is that of the last fact of the last
-- chunk that was settled. Facts that had to stay behind (a live cart, a refused person) are counted and take another pass.
create table backfills (
    backfill_id integer primary key,
    kinds text not null check (json_valid(kinds)),
    since_ms integer not null,
    until_ms integer not null check (until_ms > since_ms),
    market_code text,
    ids text check (ids is null or json_valid(ids)),
    includes_live_carts integer not null check (includes_live_carts in (0, 1)),
    state text not null default 'open' check (state in ('open', 'paused', 'waiting', 'done')),
    after_us integer,
    after_subject text,
    left_behind integer not null default 0,
    started_by text not null,
    started_at_ms integer not null,
    changed_by text not null,
    changed_at_ms integer not null,
    check ((after_us is null) = (after_subject is null))
) strict;
