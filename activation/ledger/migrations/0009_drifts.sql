-- Fields that Iterable shows differently from what it accepted, as a reconcile found them that was told to repair them, and who told
-- it. Each finding is a settlement: the fold takes over that nobody knows what is there, so the diff plans these fields again.
create table drifts (
    settlement_id text not null references settlements (settlement_id),
    person_key text not null,
    field text not null,
    type text not null,
    cause text not null,
    noted_at_ms integer not null,
    noted_by text not null,
    primary key (settlement_id, person_key, field)
) strict, without rowid;
