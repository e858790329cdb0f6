-- What a smoke test put into the warehouse.
create schema if not exists control;

create schema if not exists changes;

drop table if exists control.smoke;

drop table if exists changes.smoke_users;

drop table if exists changes.smoke_carts;

drop table if exists changes.smoke_purchases;

drop table if exists changes.smoke_events;
