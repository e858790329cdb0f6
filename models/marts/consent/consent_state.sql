with profiles as (
    select * from {{ ref('int_profiles__described') }}
),

channels as (
    select distinct
        channel,
        purpose
    from {{ ref('consent_fields') }}
),

newest as (
    select *
    from {{ ref('int_consent__statements') }}
    where is_decisive
    qualify row_number() over (
        partition by profile_id, channel, purpose order by statement_number desc
    ) = 1
),

final as (
    select
        profiles.profile_id,
        profiles.person_key,
        channels.channel,
        channels.purpose,
        coalesce(newest.status, 'unknown') as status,
        coalesce(newest.status = 'granted', false) and not profiles.is_deleted as is_messageable,
        newest.source,
        newest.stated_at,
        newest.learned_at,
        case
            when profiles.is_deleted then 'person_deleted'
            when newest.status is null then 'nothing_said'
            when newest.status = 'unknown' then 'grant_taken_away'
            else 'newest_word'
        end as rule_id
    from profiles
    cross join channels
    left join newest
        on
            profiles.profile_id = newest.profile_id
            and channels.channel = newest.channel
            and channels.purpose = newest.purpose
)

select * from final
