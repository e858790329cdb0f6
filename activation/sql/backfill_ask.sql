-- One row per kind. Parameters: number, objects, kinds, since and until in milliseconds, market, whether ids
-- narrow it, whether live carts matter, the place reached in microseconds and subject, rows at most.
insert into control.backfill
select
    $1 as backfill_id,
    unnest($2::varchar[]) as object,
    unnest($3::varchar[]) as kind,
    make_timestamp($4::bigint * 1000) as since,
    make_timestamp($5::bigint * 1000) as until,
    $6 as market_code,
    $7 as has_ids,
    $8 as includes_live_carts,
    make_timestamp($9::bigint) as after_at,
    $10 as after_subject,
    $11 as rows_max
