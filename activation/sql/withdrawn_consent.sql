-- Opt-outs of everyone in stage 1: it closes channels and never opens one. `concerned` is the
-- stage's people, as Arrow.
select
    withdrawals.person_key,
    withdrawals.channel,
    withdrawals.purpose,
    withdrawals.status,
    false as is_messageable,
    withdrawals.stated_at
from activation.iterable_withdrawals as withdrawals
inner join (select distinct person_key from concerned) as people
    on withdrawals.person_key = people.person_key
where withdrawals.is_opted_out
