-- Grain: profile_id. Where the rows of each person go in this run, and whether they may: the person
-- as Iterable knows them now (accepted by us, else found at first sight), the address to use, and
-- whether the address has to change first.
with people as (
    select * from {{ ref('iterable_users') }}
),

delivered_users as (
    select * from {{ source('delivered', 'users') }}
),

-- as found at first sight, less those whom we deleted since
existing_users as (
    select users.* from {{ ref('stg_iterable__users') }} as users
    where {{ is_still_there('users') }}
),

settings as (
    select is_enabled from {{ ref('objects') }}
    where object = 'identities' and kind = 'email_change'
),

outcomes as (
    select * from {{ source('delivered', 'outcomes') }}
    where object = 'identities' and is_sticky and state <> 'accepted'
),

iterable_users_now as (
    select
        person_key,
        email,
        user_id,
        accepted_at
    from delivered_users
    union all
    select
        null as person_key,
        existing_users.email,
        existing_users.user_id,
        null as accepted_at
    from existing_users
    where
        not exists (
            select 1 from delivered_users
            where
                delivered_users.email = existing_users.email
                and not {{ project_identifies_by('user_id') }}
        )
        and not exists (
            select 1 from delivered_users
            where delivered_users.user_id = existing_users.user_id
        )
),

-- in a userID-based project an address says nothing about who it is: many users may have it
by_email as (
    select * from iterable_users_now
    where email is not null and not {{ project_identifies_by('user_id') }}
    qualify row_number() over (
        partition by email
        order by
            user_id is null, accepted_at desc nulls last, person_key asc nulls last, user_id asc
    ) = 1
),

by_user_id as (
    select * from iterable_users_now
    where user_id is not null
    qualify row_number() over (
        partition by user_id
        order by accepted_at desc nulls last, person_key asc nulls last, email asc
    ) = 1
),

located as (
    select
        people.profile_id,
        people.person_key,
        people.email,
        people.user_id,
        people.is_owner,
        people.should_exist,
        people.is_in_shop,
        people.has_messageable_channel,
        people.market_code,
        own.person_key is not null as is_delivered,
        own.person_key is not null or by_user_id.user_id is not null as is_user_of_theirs,
        by_user_id.user_id is not null
        or (people.user_id is null and coalesce(own.email, by_email.email) is not null)
            as is_reachable,
        own.person_key is not null
        or by_user_id.user_id is not null
        or by_email.email is not null as is_known,
        coalesce(own.person_key, by_user_id.person_key, by_email.person_key) as baseline_person_key,
        by_email.email is not null as is_address_taken,
        by_email.user_id as holder_user_id,
        by_email.person_key as holder_person_key,
        coalesce(own.email, by_user_id.email) as known_email
    from people
    left join delivered_users as own on people.person_key = own.person_key
    left join by_user_id on people.user_id = by_user_id.user_id
    left join by_email on people.email = by_email.email
),

judged as (
    select
        *,
        -- another user at Iterable has the address now: somebody registered, or for a new address
        -- even a guest. A guest of the shop may well be known there under a number that some
        -- earlier system gave out.
        coalesce(
            (
                holder_user_id is not null
                and holder_user_id is distinct from user_id
                and (user_id is not null or holder_person_key is not null)
            )
            or (is_address_taken and is_user_of_theirs and known_email is distinct from email),
            false
        ) as is_address_blocked,
        coalesce(is_user_of_theirs and known_email is distinct from email, false) as has_new_email,
        {{ sha256_hex("person_key || chr(31) || coalesce(known_email, '') || chr(31) || email") }}
            as rename_fingerprint
    from located
),

renamed as (
    select
        judged.*,
        case
            when
                not judged.has_new_email or not judged.should_exist or not judged.is_owner
                then 'none'
            when judged.is_address_blocked then 'blocked'
            when not coalesce(settings.is_enabled, false) then 'off'
            when outcomes.fingerprint = judged.rename_fingerprint then 'refused'
            else 'planned'
        end as rename_state
    from judged
    left join settings on true
    left join outcomes on judged.person_key = outcomes.subject
),

-- whose address changes is under the one of before until Iterable has accepted the new one, and
-- then takes every field along: nobody else moves in meanwhile
leaving as (
    select person_key from renamed
    where rename_state <> 'none'
),

decided as (
    select
        *,
        case
            when not should_exist then 'customer deleted'
            when not is_in_shop then 'account not in the shop'
            when not is_owner then 'identifier owned by another profile'
            when
                not has_new_email
                and (
                    is_address_blocked
                    or (
                        holder_person_key <> person_key
                        and holder_person_key in (select leaving.person_key from leaving)
                    )
                )
                then 'merge: the address belongs to another user at Iterable'
        end as hold_reason
    from renamed
),

routed as (
    select
        profile_id,
        person_key,
        -- until Iterable has accepted the new address, the person is there under the old one
        case when rename_state in ('blocked', 'off', 'refused') then known_email else email end
            as email,
        user_id,
        email as desired_email,
        case when has_new_email then known_email end as previous_email,
        known_email,
        is_user_of_theirs,
        should_exist,
        rename_state,
        rename_state = 'planned' as is_rename_planned,
        rename_fingerprint,
        hold_reason,
        is_delivered,
        is_known,
        coalesce(is_reachable, false) as is_reachable,
        baseline_person_key,
        has_messageable_channel,
        market_code
    from decided
)

select * from routed
