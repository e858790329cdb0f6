-- What happened to every planned row, without anything that was in it. The sources are Arrow
-- streams of the ledger: rows that are new or changed since the copy was made up to
-- `published_until`, and their requests.
create or replace table analyst.ledger.runs as
select
    run_id,
    trigger,
    state,
    make_timestamp(started_at_ms * 1000) as started_at,
    make_timestamp(ended_at_ms * 1000) as ended_at,
    exit_code
from ledger_runs;

create or replace temp table changed_items as
select item_id from ledger_changed;

delete from analyst.ledger.items
using changed_items
where items.item_id = changed_items.item_id;

insert into analyst.ledger.items by name
select
    item_id,
    run_id,
    stage,
    object,
    kind,
    subject,
    person_key,
    market_code,
    state,
    nullif(reason, '') as reason,
    is_sticky,
    is_verified,
    make_timestamp(source_modified_at_ms * 1000) as source_modified_at,
    make_timestamp(occurred_at_ms * 1000) as occurred_at,
    make_timestamp(changed_at_ms * 1000) as settled_at,
    request_id
from ledger_items;

create or replace temp table moving_requests as
select
    request_id,
    run_id,
    endpoint,
    rows,
    body_bytes,
    make_timestamp(claimed_at_ms * 1000) as claimed_at,
    make_timestamp(settled_at_ms * 1000) as settled_at,
    status,
    fault,
    elapsed_ms
from ledger_requests;

delete from analyst.ledger.requests
using moving_requests
where requests.request_id = moving_requests.request_id;

insert into analyst.ledger.requests by name
select * from moving_requests;

delete from analyst.ledger.sent
using changed_items
where sent.item_id = changed_items.item_id;

insert into analyst.ledger.sent by name
select
    ledger_sent.request_id,
    ledger_sent.position,
    ledger_sent.item_id,
    items.run_id,
    items.person_key,
    items.object,
    items.kind,
    items.subject,
    requests.endpoint,
    requests.claimed_at as sent_at,
    requests.status,
    ledger_sent.outcome,
    nullif(ledger_sent.reason, '') as reason,
    string_split(ledger_sent.fields, chr(31)) as fields
from ledger_sent
inner join analyst.ledger.items on ledger_sent.item_id = items.item_id
inner join analyst.ledger.requests on ledger_sent.request_id = requests.request_id;

drop table changed_items;
drop table moving_requests;
delete from analyst.ledger.published_until;

create or replace table analyst.ledger.counts as
with found as (
    select
        run_id,
        object,
        kind,
        count(*) filter (where state = 'accepted') as accepted,
        count(*) filter (where is_verified) as verified,
        count(*) filter (where state = 'rejected') as rejected,
        count(*) filter (where state = 'held') as held,
        count(*) filter (where state = 'suppressed') as suppressed,
        count(*) filter (where state = 'superseded') as superseded,
        count(*) filter (where state in ('staged', 'sending', 'unknown')) as still_open
    from analyst.ledger.items
    group by run_id, object, kind
),

promised as (
    select
        run_id,
        object,
        kind,
        cast(sum(rows) as bigint) as planned
    from ledger_planned
    group by run_id, object, kind
)

select
    promised.run_id,
    promised.object,
    promised.kind,
    promised.planned,
    found.* exclude (run_id, object, kind)
from promised
left join found
    on
        promised.run_id = found.run_id
        and promised.object = found.object
        and promised.kind = found.kind;
