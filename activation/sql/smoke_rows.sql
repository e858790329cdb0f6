-- The rows of a smoke test, shaped like the changed rows of a sync, for the one person of
-- control.smoke; `union all by name` brings the columns of the models they stand beside.
create or replace temp table smoke_person as
select
    smoke.smoke_id,
    smoke.started_at,
    run.project_key,
    recipients.email as address,
    recipients.is_known,
    recipients.is_reachable,
    recipients.has_messageable_channel,
    case
        when recipients.hold_reason is not null then recipients.hold_reason
        when not recipients.is_known and not coalesce(unsubscribes.can_be_created, true)
            then 'cannot be created unsubscribed'
    end as hold_reason,
    unsubscribes.unsubscribe_channel_ids,
    profiles.customer_id,
    case when profiles.customer_id is null then people.person_key end as guest_id,
    people.*
from control.smoke as smoke
cross join control.run as run
inner join activation.iterable_users as people
    on
        people.is_test
        and people.is_owner
        and people.subject = coalesce('customer:' || smoke.user_id, people.subject)
        and people.email = coalesce(smoke.email, people.email)
inner join marts.profiles as profiles on people.profile_id = profiles.profile_id
inner join changes.recipients as recipients on people.profile_id = recipients.profile_id
left join changes.new_person_unsubscribes as unsubscribes
    on people.profile_id = unsubscribes.profile_id;

create or replace table changes.smoke_users as
select *
from changes.changed_users
where false
union all by name
select
    * exclude (fields, subject, email, is_known, unsubscribe_channel_ids),
    'users' as object,
    'users' as kind,
    person_key as subject,
    address as email,
    'smoke-' || smoke_id as fingerprint,
    3 as lane,
    'none' as consent_requirement,
    case when hold_reason is null then 'send' else 'held' end as verdict,
    hold_reason as verdict_reason,
    false as waits_for_person,
    list_transform(
        fields,
        lambda entry: struct_pack(
            field := entry.field, type := entry.type,
            before := cast(null as varchar), after := entry.value
        )
    ) as changed_fields,
    case when not is_known then unsubscribe_channel_ids end as unsubscribe_channel_ids,
    not is_known as is_new
from smoke_person;

create or replace table changes.smoke_carts as
select *
from changes.changed_carts
where false
union all by name
select
    person_key,
    address as email,
    user_id,
    market_code,
    is_test,
    currency_code,
    'carts' as object,
    'carts' as kind,
    person_key as subject,
    'smoke-' || smoke_id as fingerprint,
    5 as lane,
    started_at as source_modified_at,
    case when rules.without_consent = 'suppress' then 'any' else 'none' end as consent_requirement,
    case
        when hold_reason is not null then 'held'
        when rules.without_consent = 'suppress' and not has_messageable_channel then 'suppressed'
        else 'send'
    end as verdict,
    case
        when hold_reason is not null then hold_reason
        when rules.without_consent = 'suppress' and not has_messageable_channel
            then 'no consent on any channel'
    end as verdict_reason,
    not is_reachable as waits_for_person,
    'smoke-' || smoke_id as cart_id,
    cast(1 as decimal(28, 4)) as cart_total,
    [
        struct_pack(
            id := 'smoke-test', name := 'cartwire smoke test', price := cast(1 as decimal(28, 12)),
            quantity := cast(1 as bigint), line_total := cast(1 as decimal(28, 4)),
            currency := currency_code, market := market_code
        )
    ] as items
from smoke_person
inner join (
    select
        market_code as policy_market_code,
        without_consent
    from intermediate.int_policies__without_consent
    where object = 'carts' and kind = 'carts'
) as rules on rules.policy_market_code is not distinct from smoke_person.market_code;

create or replace table changes.smoke_purchases as
select *
from changes.changed_purchases
where false
union all by name
select
    person_key,
    address as email,
    user_id,
    customer_id,
    guest_id,
    market_code,
    currency_code,
    store_key,
    channel_key,
    country_code,
    locale,
    is_test,
    'purchases' as object,
    'purchases' as kind,
    'purchase-' || left(sha256(project_key || chr(31) || 'smoke-' || smoke_id), 32) as subject,
    'smoke-' || smoke_id as fingerprint,
    4 as lane,
    started_at as source_modified_at,
    started_at as occurred_at,
    case when rules.without_consent = 'suppress' then 'any' else 'none' end as consent_requirement,
    case when hold_reason is null then 'send' else 'held' end as verdict,
    hold_reason as verdict_reason,
    not is_reachable as waits_for_person,
    'smoke-' || smoke_id as order_id,
    'order' as resource_type,
    'smoke-' || smoke_id as resource_id,
    cast(1 as decimal(28, 4)) as total,
    cast(0 as decimal(28, 4)) as unexplained_total,
    false as is_backfill,
    profile_type = 'guest' as is_guest,
    [
        struct_pack(
            id := 'smoke-test', name := 'cartwire smoke test', price := cast(1 as decimal(28, 12)),
            quantity := cast(1 as bigint), line_total := cast(1 as decimal(28, 4)),
            currency := currency_code, market := market_code
        )
    ] as items
from smoke_person
inner join (
    select
        market_code as policy_market_code,
        without_consent
    from intermediate.int_policies__without_consent
    where object = 'purchases' and kind = 'purchases'
) as rules on rules.policy_market_code is not distinct from smoke_person.market_code;

create or replace table changes.smoke_events as
select * from changes.changed_events
where kind = 'smoke_tested';

drop table smoke_person;
