{{ config(materialized='table') }}
-- Grain: statement_id, profile_id. What counts of what was said, under the rule of the person's
-- market: whether it may win, what it says once double opt-in is asked for, and the status that the
-- rule gave the person after it.
{%- set systems = ['commercetools', 'iterable', 'import'] %}
{%- set words_after = [] %}
{%- for system in systems %}
    {%- do words_after.append(confirmed_word('word_in_' ~ system, 'is_confirmed')) %}
{%- endfor %}
with profiles as (
    select
        profile_id,
        market_code
    from {{ ref('int_profiles__described') }}
),

rules as (
    select * from {{ ref('int_consent__rules') }}
),

considered as (
    select
        statements.*,
        rules.rule_id,
        rules.source_of_truth,
        rules.confirmed_by,
        case
            when statements.status = 'granted' and rules.confirmed_by <> statements.system
                then 'to_confirm'
            else statements.status
        end as word
    from {{ ref('int_consent__statements') }} as statements
    inner join profiles on statements.profile_id = profiles.profile_id
    inner join rules
        on
            profiles.market_code = rules.market_code
            and statements.channel = rules.channel
            and statements.purpose = rules.purpose
    where
        statements.is_decisive
        and (
            rules.source_of_truth in ('most_recent', 'most_restrictive', 'withdrawal_wins')
            or rules.source_of_truth = statements.system
        )
),

judged as (
    select
        *,
        source_of_truth <> 'withdrawal_wins'
        or is_explicit
        or word not in ('granted', 'to_confirm', 'pending')
        or coalesce(
            last_value(
                case
                    when {{ is_refusal('status') }} then 'refusal'
                    when status = 'granted' and is_explicit then 'grant'
                end ignore nulls
            ) over (
                partition by profile_id, channel, purpose
                order by statement_number
                rows between unbounded preceding and 1 preceding
            ) <> 'refusal', true
        ) as may_win
    from considered
),

-- A grant once confirmed stays so until the person takes it back, however often it is repeated.
followed as (
    select
        *,
        coalesce(
            max(
                case when status = 'granted' and system = confirmed_by then statement_number end
            ) over so_far
            > coalesce(
                max(
                    case when status in ('denied', 'withdrawn', 'unknown') then statement_number end
                ) over so_far, 0
            ), false
        ) as is_confirmed,
        last_value(case when may_win then word end ignore nulls) over so_far as winning_word,
        {% for system in systems %}
            last_value(case when system = '{{ system }}' then word end ignore nulls) over so_far
                as word_in_{{ system }},
        {% endfor %}
        statement_number = max(statement_number) over (partition by profile_id, channel, purpose)
            as is_newest,
        statement_number
        = max(statement_number) over (partition by profile_id, channel, purpose, system)
            as is_newest_in_system
    from judged
    window so_far as (
        partition by profile_id, channel, purpose
        order by statement_number
        rows between unbounded preceding and current row
    )
),

ended as (
    select
        *,
        bool_or(is_confirmed and is_newest) over (partition by profile_id, channel, purpose)
            as is_confirmed_now
    from followed
),

resolved as (
    select
        *,
        {{ confirmed_word('word', 'is_confirmed_now') }} as effective_status,
        case
            when source_of_truth <> 'most_restrictive'
                then {{ confirmed_word('winning_word', 'is_confirmed') }}
            else {{ most_restrictive_of(words_after) }}
        end as status_after
    from ended
),

final as (
    select
        statement_id,
        profile_id,
        person_key,
        subject,
        channel,
        purpose,
        status,
        system,
        source,
        resource_type,
        resource_id,
        stated_at,
        learned_at,
        created_at,
        is_seen_changing,
        legal_basis,
        policy_version,
        proof_reference,
        statement_number,
        rule_id,
        source_of_truth,
        effective_status,
        {{ consent_restriction('effective_status') }} as restriction,
        case
            when source_of_truth = 'most_restrictive' then is_newest_in_system else may_win
        end as may_win,
        status_after,
        is_newest
    from resolved
)

select * from final
