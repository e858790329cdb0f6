-- Whom a smoke test is for, while it runs. The same table as macros/ensure_sources.sql makes.
create schema if not exists control;

create table if not exists control.smoke (
    smoke_id varchar,
    email varchar,
    user_id varchar,
    started_at timestamp
);

delete from control.smoke;
