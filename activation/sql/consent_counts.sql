-- How many profiles have which consent, per market.
select
    profiles.market_code as market,
    consent_state.channel,
    consent_state.purpose,
    consent_state.status,
    count(*) as people,
    count(*) filter (where consent_state.is_messageable) as messageable
from marts.consent_state
inner join marts.profiles on consent_state.profile_id = profiles.profile_id
group by all
order by all
