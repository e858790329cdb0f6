-- Grain: subject (the event's id at Iterable). Events that Iterable has not been told of and that
-- are not history. Empty here: each event model adds its rows when it is built, in place of those
-- it added before (macros/events.sql).
select
    cast(null as varchar) as object,
    cast(null as varchar) as kind,
    cast(null as varchar) as subject,
    cast(null as varchar) as person_key,
    cast(null as varchar) as email,
    cast(null as varchar) as user_id,
    cast(null as varchar) as fingerprint,
    cast(null as integer) as lane,
    cast(null as varchar) as market_code,
    cast(null as timestamp) as source_modified_at,
    cast(null as timestamp) as occurred_at,
    cast(null as timestamp) as send_before_at,
    cast(null as varchar) as consent_requirement,
    cast(null as varchar) as verdict,
    cast(null as varchar) as verdict_reason,
    cast(null as varchar) as depends_on,
    cast(null as boolean) as waits_for_person,
    cast(null as boolean) as is_test,
    cast(null as struct(field varchar, "type" varchar, "value" varchar)[]) as fields,
    cast(null as {{ items_type() }}) as items
where false
