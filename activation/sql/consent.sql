-- What everyone in the stage allows, per channel and purpose. `concerned` is the stage's people, as
-- Arrow.
select
    consent_state.person_key,
    consent_state.channel,
    consent_state.purpose,
    consent_state.status,
    consent_state.is_messageable,
    consent_state.stated_at
from marts.consent_state
inner join (select distinct person_key from concerned) as people
    on consent_state.person_key = people.person_key
qualify row_number() over (
    partition by consent_state.person_key, consent_state.channel, consent_state.purpose
    order by consent_state.is_messageable asc, consent_state.stated_at desc nulls last
) = 1
