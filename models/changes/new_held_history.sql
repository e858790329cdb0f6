-- Grain: object, subject. Facts that this run is the first to see as history: from before go-live,
-- or over the maximum age of their kind, whatever made them late. They stay in the warehouse until
-- somebody releases them.
with facts as (
    {%- for kind in fact_models() %}
        select
            object,
            kind,
            subject,
            person_key,
            happened_at as occurred_at,
            history_reason as reason
        from (
            {{ open_facts(kind) }}
        ) as open_{{ kind }}
        where history_reason is not null and not is_settled_for_good
        {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select * from facts
