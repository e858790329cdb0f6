{# on-run-start: what dlt, the fold and a run write must exist before a model reads it, or plain dbt
   would fail on an empty warehouse. dlt takes over tables that are already there. Idempotent, a few
   milliseconds. #}
{% macro ensure_sources() -%}
{%- for schema in ['raw', 'raw_iterable', 'raw_storefront', 'control', 'delivered'] %}
create schema if not exists {{ schema }};
{%- endfor %}
{%- for resource in commercetools_resources() %}
{%- for table in [resource, resource ~ '_history'] %}
create table if not exists raw.{{ table }} (
    id varchar, version bigint, created_at timestamptz, last_modified_at timestamptz,
    loaded_at timestamptz, document json, _dlt_load_id varchar, _dlt_id varchar
);
{%- endfor %}
{%- endfor %}
create table if not exists raw.malformed_documents (
    resource varchar, position varchar, reason varchar, body varchar, loaded_at timestamptz,
    _dlt_load_id varchar, _dlt_id varchar
);
create table if not exists raw.consent_imports (
    event_key varchar, customer_id varchar, email varchar, channel varchar, purpose varchar,
    status varchar, stated_at timestamptz, source varchar, legal_basis varchar,
    policy_version varchar, proof_reference varchar, imported_at timestamptz,
    _dlt_load_id varchar, _dlt_id varchar
);
create table if not exists raw_iterable.users (
    user_key varchar, email varchar, user_id varchar, document json, read_at timestamptz,
    _dlt_load_id varchar, _dlt_id varchar
);
create table if not exists raw_iterable.consent_events (
    event_key varchar, event_type varchar, origin varchar, email varchar, user_id varchar,
    created_at timestamptz, channel_ids json, message_type_ids json, list_ids json,
    said_through varchar, recipient_state varchar, campaign_id bigint, document json,
    read_at timestamptz, _dlt_load_id varchar, _dlt_id varchar
);
create table if not exists raw_iterable.channels (
    id bigint, name varchar, channel_type varchar, message_medium varchar, read_at timestamptz,
    _dlt_load_id varchar, _dlt_id varchar
);
create table if not exists raw_iterable.message_types (
    id bigint, name varchar, channel_id bigint, subscription_policy varchar, read_at timestamptz,
    _dlt_load_id varchar, _dlt_id varchar
);
create table if not exists raw_iterable.purchases (
    purchase_key varchar, purchase_id varchar, email varchar, user_id varchar, total varchar,
    created_at timestamptz, document json, read_at timestamptz, _dlt_load_id varchar, _dlt_id varchar
);
create table if not exists raw_iterable.lists (
    id bigint, name varchar, list_type varchar, read_at timestamptz, _dlt_load_id varchar, _dlt_id varchar
);
create table if not exists raw_iterable.list_members (
    member_key varchar, list_id bigint, identifier varchar, read_at timestamptz,
    _dlt_load_id varchar, _dlt_id varchar
);
create table if not exists raw_storefront.product_views (
    view_id varchar, customer_id varchar, email varchar, product_id varchar, viewed_at timestamptz
);
create table if not exists control.run (
    run_id varchar, as_of timestamp, go_live_at timestamp, project_key varchar, identity varchar,
    key_inner blob, key_outer blob
);
create table if not exists control.authority (kind varchar, authority varchar);
create table if not exists control.kinds (kind varchar, on_since timestamp);
create table if not exists control.ledger (looks_first boolean);
create table if not exists control.backfill (
    backfill_id bigint, object varchar, kind varchar, since timestamp, until timestamp, market_code varchar,
    has_ids boolean, includes_live_carts boolean, after_at timestamp, after_subject varchar, rows_max bigint
);
create table if not exists control.backfill_ids (subject varchar);
create table if not exists control.smoke (
    smoke_id varchar, email varchar, user_id varchar, started_at timestamp
);
create table if not exists control.sweep_findings (
    resource varchar, id varchar, finding varchar, observed_at timestamptz
);
create table if not exists delivered.outcomes (
    object varchar, kind varchar, subject varchar, person_key varchar, fingerprint varchar,
    state varchar, reason varchar, is_sticky boolean, run_id varchar, settled_at timestamp
);
create table if not exists delivered.users (
    person_key varchar, email varchar, user_id varchar, fields_fingerprint varchar,
    accepted_at timestamp
);
create table if not exists delivered.user_fields (
    person_key varchar, field varchar, type varchar, value varchar, fingerprint varchar
);
create table if not exists delivered.carts (person_key varchar, fingerprint varchar, accepted_at timestamp);
create table if not exists delivered.list_members (
    person_key varchar, list_id varchar, is_member boolean, accepted_at timestamp
);
create table if not exists delivered.subscription_writes (
    item_id bigint, person_key varchar, email varchar, user_id varchar, subscription_group varchar,
    subscription_id bigint, action varchar, cause varchar, stated_at timestamp, claimed_at timestamp,
    settled_at timestamp, is_accepted boolean, is_overwriting boolean
);
create table if not exists delivered.gone_users (
    person_key varchar, email varchar, user_id varchar, gone_at timestamp
);
create table if not exists delivered.held_history (
    object varchar, kind varchar, subject varchar, person_key varchar, occurred_at timestamp,
    reason varchar, run_id varchar, seen_at timestamp
);
alter table delivered.held_history add column if not exists market_code varchar;
create table if not exists delivered.folded (settlement_id varchar);
{%- if flags.WHICH in ['build', 'run', 'seed'] %}
-- whoever builds: what a sync noted of its builds no longer holds (flows/build_state.py)
create table if not exists control.built_nodes (node varchar, key varchar, content varchar);
delete from control.built_nodes;
{%- endif %}
{{ ensure_seeds() }}
{#- Plain dbt without a run before it: everything is history, and keys are of no secret, so nothing
   can be sent by it. #}
insert into control.run
select
    'dbt', timestamp '{{ run_started_at.strftime("%Y-%m-%d %H:%M:%S") }}',
    timestamp '{{ run_started_at.strftime("%Y-%m-%d %H:%M:%S") }}', '', 'hybrid',
    unhex('{{ '36' * 64 }}'), unhex('{{ '5c' * 64 }}')
where not exists (select * from control.run);
{%- endmacro %}

{# `dbt run` loads no seeds, but models read them: those of config/ that are not there yet are
   loaded here. `build` and `seed` load them by themselves, and by then dbt has already looked which
   exist. #}
{% macro ensure_seeds() -%}
{%- if execute and flags.WHICH not in ['build', 'seed'] -%}
create schema if not exists config;
{%- for seed in graph.nodes.values() if seed.resource_type == 'seed' %}
{%- set path = adapter.get_seed_file_path(seed) %}
{{ table_from_csv(seed.schema ~ '.' ~ seed.name, path, seed.config.column_types) }};
{%- endfor %}
{%- endif -%}
{%- endmacro %}

{% macro commercetools_resources() -%}
{{ return([
    'customers', 'orders', 'carts', 'payments', 'product_projections', 'categories', 'stores',
    'customer_groups', 'channels', 'types', 'product_types', 'inventory', 'discount_codes', 'states',
    'business_units', 'custom_objects', 'messages'
]) }}
{%- endmacro %}
