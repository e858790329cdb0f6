-- `rejections` and `replay` look for rows that did not arrive, newest first, among all rows ever planned.
create index not_arrived on items (item_id) where state = 'rejected' or state = 'held';

-- Who let refused rows go again, when, and how many. Each is a settlement: the fold takes over that these verdicts no longer stand
-- in the way of the diff.
create table replays (
    settlement_id text primary key references settlements (settlement_id),
    approved_by text not null,
    approved_at_ms integer not null,
    rows integer not null check (rows > 0)
) strict;
