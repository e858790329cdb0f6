-- One row per kind. Parameters: number, objects, kinds, since and until in milliseconds, market, whether ids
-- narrow it, whether live carts matter, the place reached in microseconds and subject, rows at most.
insert into control.backfill
select
    $1,
    unnest($2::varchar[]),
    unnest($3::varchar[]),
    make_timestamp($4::bigint * 1000),
    make_timestamp($5::bigint * 1000),
    $6,
    $7,
    $8,
    make_timestamp($9::bigint),
    $10,
    $11
