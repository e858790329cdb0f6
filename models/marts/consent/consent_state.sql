with states as (
    select * from {{ ref('int_consent__state') }}
),

final as (
    select
        profile_id,
        person_key,
        channel,
        purpose,
        status,
        is_messageable,
        statement_id,
        system,
        source,
        stated_at,
        learned_at,
        legal_basis,
        policy_version,
        proof_reference,
        rule_id,
        decided_by,
        due_at
    from states
)

select * from final
