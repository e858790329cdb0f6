-- Into sweep_changes: rows of one resource that the sweep did not see and should have, and rows it saw although an
-- earlier one had not. What was made shortly before the sweep, or loaded since it began, is left alone.
insert into sweep_changes
with newest_findings as (
    select
        id,
        finding,
        observed_at
    from control.sweep_findings
    where resource = $resource
    qualify row_number() over (partition by id order by observed_at desc, finding = 'reappeared' desc) = 1
),

known as (
    select
        loaded.id,
        coalesce(newest_findings.finding = 'vanished' and loaded.loaded_at <= newest_findings.observed_at, false) as is_gone,
        loaded.loaded_at < $started_at and loaded.created_at < $made_before as is_comparable,
        -- commercetools deletes these by itself after so many days without a change
        coalesce(
            loaded.last_modified_at + to_days(try_cast(json_extract_string(loaded.document, $lifetime_field) as integer))
            <= $started_at,
            false
        ) as is_expected,
        seen.id is not null as is_there
    from query_table($table) as loaded
    left join newest_findings on loaded.id = newest_findings.id
    left join read_parquet($ids) as seen on loaded.id = seen.id
)

select
    $resource as resource,
    id,
    case when is_there then 'reappeared' else 'vanished' end as finding,
    is_expected
from known
where (is_gone and is_there) or (not is_gone and not is_there and is_comparable);
