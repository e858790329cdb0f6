-- What an operator has paused, and who lifted it. `name` is an object or a kind of config/objects.csv; '' is everything
-- but withdrawals. The claim looks here, so a pause stops rows that were frozen before it as well.
create table pauses (
    pause_id integer primary key,
    name text not null check (name <> 'withdrawals'),
    reason text not null,
    paused_by text not null,
    paused_at_ms integer not null,
    resumed_by text,
    resumed_at_ms integer,
    check ((resumed_at_ms is null) = (resumed_by is null))
) strict;

create unique index one_standing_pause on pauses (name) where resumed_at_ms is null;
