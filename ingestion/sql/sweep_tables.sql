-- What sweeps found, newest word last; rows are only ever added.
create schema if not exists control;

create table if not exists control.sweep_findings (
    resource varchar,
    id varchar,
    finding varchar,
    observed_at timestamptz
);

create or replace temporary table sweep_changes (resource varchar, id varchar, finding varchar, is_expected boolean);
