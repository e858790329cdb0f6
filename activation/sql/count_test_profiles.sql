-- How many people config/test_profiles.csv names.
select count(*) as profiles
from config.test_profiles
where nullif(trim(email), '') is not null or nullif(trim(customer_id), '') is not null
