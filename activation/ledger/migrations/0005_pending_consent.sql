-- A grant that waits for its confirmation (double opt-in) is a status too. SQLite cannot change a check, so the table is made anew.
create table consent_with_pending (
    person_key text not null,
    channel text not null,
    purpose text not null,
    status text not null check (status in ('granted', 'pending', 'denied', 'withdrawn', 'unknown')),
    is_messageable integer not null check (is_messageable in (0, 1)),
    stated_at_ms integer,
    learned_at_ms integer not null,
    primary key (person_key, channel, purpose),
    check (is_messageable = 0 or status = 'granted')
) strict, without rowid;

insert into consent_with_pending
select person_key, channel, purpose, status, is_messageable, stated_at_ms, learned_at_ms from consent;

drop table consent;

alter table consent_with_pending rename to consent;
