-- Consent that reached us outside of a load: webhooks of Iterable, imported files. The ledger is the only file that cannot be
-- made again, so it is kept here and copied into the warehouse by each load that lacks it.
-- `email`, `user_id` and `body` are personal data, erasable without touching what was decided; `event_key` keeps a repeated
-- delivery from coming in again.
create table consent_inbox (
    inbox_id integer primary key autoincrement,
    event_key text not null unique,
    origin text not null check (origin in ('webhook', 'import')),
    received_at_ms integer not null,
    email text,
    user_id text,
    body text check (body is null or json_valid(body))
) strict;

create index consent_inbox_of_email on consent_inbox (email) where email is not null;
create index consent_inbox_of_user on consent_inbox (user_id) where user_id is not null;

-- What a withdrawal in the inbox closes, at once and again at each freeze until a load has read it. '' is every channel.
create table consent_tightenings (
    inbox_id integer not null references consent_inbox (inbox_id),
    person_key text not null,
    channel text not null,
    purpose text not null,
    status text not null check (status in ('denied', 'withdrawn')),
    stated_at_ms integer,
    primary key (inbox_id, person_key, channel, purpose)
) strict, without rowid;

-- Which consent an Iterable channel or message type carries, as the last build resolved config/iterable_channels.csv; null for
-- one that carries none. Webhooks are understood by it while the warehouse is closed.
create table iterable_ids (
    kind text not null check (kind in ('channel', 'message_type')),
    iterable_id text not null,
    medium text,
    channel text,
    purpose text,
    check ((channel is null) = (purpose is null))
) strict;

-- Who at Iterable writes from an address: a webhook may name nothing else.
create index item_values_of_email on item_values (email) where email is not null;
