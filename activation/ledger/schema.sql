-- Version 1 of the ledger. Never edited after a release: later versions are files in migrations/.
-- Times are epoch milliseconds, UTC. person_key stands for a person everywhere but in item_values.

create table meta (
    key text primary key,
    value text not null
) strict;

create table states (
    state text primary key,
    is_open integer not null check (is_open in (0, 1)),
    is_final integer not null check (is_final in (0, 1))
) strict;

insert into states values
    ('staged', 1, 0), ('sending', 1, 0), ('unknown', 1, 0),
    ('accepted', 0, 1), ('rejected', 0, 1), ('held', 0, 1), ('suppressed', 0, 1),
    ('superseded', 0, 0);

create table moves (
    from_state text not null references states (state),
    event text not null,
    to_state text not null references states (state),
    primary key (from_state, event),
    unique (from_state, event, to_state)
) strict;

insert into moves values
    ('staged', 'claim', 'sending'),
    ('staged', 'suppress', 'suppressed'),
    ('staged', 'hold', 'held'),
    ('staged', 'supersede', 'superseded'),
    ('sending', 'accept', 'accepted'),
    ('sending', 'reject', 'rejected'),
    ('sending', 'hold', 'held'),
    ('sending', 'retry', 'staged'),
    ('sending', 'lose', 'unknown'),
    ('unknown', 'accept', 'accepted'),
    ('unknown', 'resend', 'staged'),
    ('unknown', 'hold', 'held'),
    ('unknown', 'supersede', 'superseded');

create table runs (
    run_id text primary key,
    trigger text not null,
    state text not null check (state in ('running', 'done', 'failed', 'crashed')),
    started_at_ms integer not null,
    ended_at_ms integer,
    exit_code integer,
    report text check (report is null or json_valid(report)),
    check ((state = 'running') = (ended_at_ms is null))
) strict;

create unique index one_running_run on runs (state) where state = 'running';

create table stages (
    run_id text not null references runs (run_id),
    stage text not null,
    frozen_at_ms integer not null,
    primary key (run_id, stage)
) strict;

-- What the freeze promised, written before the first request; prove_conservation compares the items with it.
create table planned (
    run_id text not null,
    stage text not null,
    object text not null,
    kind text not null,
    rows integer not null check (rows > 0),
    primary key (run_id, stage, object, kind),
    foreign key (run_id, stage) references stages (run_id, stage)
) strict;

-- A set of final verdicts written together; the fold takes over whole settlements, by id.
create table settlements (
    settlement_id text primary key,
    run_id text not null references runs (run_id),
    cause text not null check (cause in ('freeze', 'claim', 'answer', 'read_back', 'dependency')),
    settled_at_ms integer not null
) strict;

create table requests (
    request_id text primary key,
    run_id text not null references runs (run_id),
    endpoint text not null,
    body_hash text not null,
    body_bytes integer not null,
    rows integer not null check (rows > 0),
    claimed_at_ms integer not null,
    settled_at_ms integer,
    status integer,
    fault text,
    elapsed_ms integer,
    check ((settled_at_ms is null) = (status is null))
) strict;

create index requests_of_run on requests (run_id, endpoint);

create table items (
    item_id integer primary key,
    run_id text not null,
    stage text not null,
    object text not null,
    kind text not null,
    subject text not null,
    person_key text not null,
    fingerprint text not null,
    lane integer not null,
    market_code text,
    consent_requirement text not null check (consent_requirement in ('none', 'any')),
    depends_on text,
    waits_for_person integer not null check (waits_for_person in (0, 1)),
    bulk_key text not null,
    source_modified_at_ms integer,
    occurred_at_ms integer,
    send_before_at_ms integer,
    planned_state text not null check (planned_state in ('staged', 'rejected', 'held', 'suppressed')),
    state text not null references states (state),
    reason text not null,
    is_sticky integer not null check (is_sticky in (0, 1)),
    is_verified integer not null default 0 check (is_verified in (0, 1)),
    tries integer not null default 0,
    last_event text,
    changed_at_ms integer not null,
    request_id text references requests (request_id) deferrable initially deferred,
    settlement_id text references settlements (settlement_id) deferrable initially deferred,
    foreign key (run_id, stage) references stages (run_id, stage),
    unique (run_id, stage, object, subject),
    check (state not in ('rejected', 'held', 'suppressed') or reason <> ''),
    check (state not in ('sending', 'unknown') or request_id is not null),
    check (is_verified = 0 or state = 'accepted'),
    check ((settlement_id is not null) = (state in ('accepted', 'rejected', 'held', 'suppressed')))
) strict;

create unique index one_in_flight on items (object, subject) where state in ('sending', 'unknown');
create unique index a_fact_once on items (object, subject)
where object in ('purchases', 'events') and state in ('sending', 'unknown', 'accepted');
create index staged_items on items (run_id, stage, lane, item_id) where state = 'staged';
create index open_items on items (state, run_id) where state in ('staged', 'sending', 'unknown');
create index items_of_run on items (run_id, object, kind, state);
create index items_of_person on items (person_key, object);
create index items_of_settlement on items (settlement_id) where settlement_id is not null;

-- Personal data, erasable without touching what was decided.
create table item_values (
    item_id integer primary key references items (item_id),
    email text,
    user_id text,
    fragment blob
) strict;

-- The fingerprint stays for ever; the values are personal data and can be erased.
create table item_fields (
    item_id integer not null references items (item_id),
    field text not null,
    type text not null,
    fingerprint text not null,
    before_value text,
    after_value text,
    is_delivered integer not null default 1 check (is_delivered in (0, 1)),
    primary key (item_id, field)
) strict, without rowid;

-- Item x request x outcome. Position is the order in the body, so that a body can be made again.
create table attempts (
    request_id text not null references requests (request_id),
    position integer not null,
    item_id integer not null references items (item_id),
    event text,
    reason text,
    primary key (request_id, position),
    unique (request_id, item_id)
) strict, without rowid;

create index attempts_of_item on attempts (item_id);

create table transitions (
    seq integer primary key,
    item_id integer not null references items (item_id),
    at_ms integer not null,
    from_state text not null,
    event text not null,
    to_state text not null,
    request_id text,
    reason text not null,
    foreign key (from_state, event, to_state) references moves (from_state, event, to_state)
) strict;

create index transitions_of_item on transitions (item_id, seq);

-- No state changes without its line here; an illegal move fails on the foreign key above.
create trigger log_transition after update of state on items
begin
    insert into transitions (item_id, at_ms, from_state, event, to_state, request_id, reason)
    values (
        new.item_id, new.changed_at_ms, old.state, new.last_event, new.state, new.request_id, new.reason
    );
end;

create table consent (
    person_key text not null,
    channel text not null,
    purpose text not null,
    status text not null check (status in ('granted', 'denied', 'withdrawn', 'unknown')),
    is_messageable integer not null check (is_messageable in (0, 1)),
    stated_at_ms integer,
    learned_at_ms integer not null,
    primary key (person_key, channel, purpose),
    check (is_messageable = 0 or status = 'granted')
) strict, without rowid;

create table releases (
    release_id integer primary key,
    object text not null,
    rows integer not null check (rows > 0),
    approved_at_ms integer not null,
    used_by_run_id text references runs (run_id)
) strict;
