-- The analysts' copy of the marts, all in one transaction. `analyst` is the new file.
create schema analyst.marts;

create table analyst.marts.profiles as select * from marts.profiles;

create table analyst.marts.consent_state as select * from marts.consent_state;

create table analyst.marts.consent_history as select * from marts.consent_history;

create table analyst.marts.customer_metrics as select * from marts.customer_metrics;

create table analyst.marts.orders as select * from marts.orders;

create table analyst.marts.order_lines as select * from marts.order_lines;

create table analyst.marts.carts as select * from marts.carts;

create table analyst.marts.refunds as select * from marts.refunds;

create table analyst.marts.products as select * from marts.products;

create table analyst.marts.custom_objects as select * from marts.custom_objects;

create table analyst.marts.deletions as select * from marts.deletions;

create table analyst.marts.published as
select
    $run_id as run_id,
    cast($published_at as timestamp) as published_at;
