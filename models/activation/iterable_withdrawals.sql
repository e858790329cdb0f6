-- Grain: subject, channel, purpose. What each person or guest address last said, by the shop's
-- own statements; a customer who was deleted is out of every channel from then on. What
-- somebody left at Iterable stands there already, unless a grant of ours came after it: then it
-- is said again. Part of stage 1 of a sync: built before everything else, without tests, from
-- ids, addresses and consent paths only.
with statements as (
    select * from {{ ref('stg_commercetools__consent_statements') }}
),

channels as (
    select * from {{ ref('iterable_channels') }}
),

iterable_project as (
    select
        name,
        min(id) as iterable_channel_id
    from {{ source('raw_iterable', 'channels') }}
    group by name
),

-- a deletion names no address: whoever else has it did not ask for anything
deletions as (
    select
        'customers' as resource_type,
        deletions.customer_id as resource_id,
        cast(null as bigint) as version,
        deletions.customer_id,
        cast(null as varchar) as email,
        channels.channel,
        channels.purpose,
        'withdrawn' as status,
        deletions.deleted_at as stated_at,
        deletions.deleted_at as learned_at
    from {{ ref('stg_commercetools__customer_deletions') }} as deletions
    cross join channels
),

words as (
    select
        resource_type,
        resource_id,
        version,
        customer_id,
        email,
        channel,
        purpose,
        status,
        stated_at,
        learned_at
    from statements
    union all
    select * from deletions
    union all
    select
        'iterable_unsubscribes' as resource_type,
        event_key as resource_id,
        cast(null as bigint) as version,
        customer_id,
        email,
        channel,
        purpose,
        'withdrawn' as status,
        stated_at,
        learned_at
    from {{ ref('int_subscriptions__undone') }}
),

newest as (
    select
        {{ person_subject('customer_id', 'email') }} as subject,
        customer_id,
        email,
        channel,
        purpose,
        status,
        stated_at
    from words
    where
        (customer_id is not null or email is not null)
        -- taking a tick away says nothing, so it must not hide a refusal that is not delivered yet
        and status <> 'unknown'
    -- of two words of one instant the refusal counts
    qualify row_number() over (
        partition by {{ person_subject('customer_id', 'email') }}, channel, purpose
        order by
            stated_at desc nulls last,
            status = 'granted',
            learned_at desc nulls last,
            resource_id desc,
            version desc
    ) = 1
),

resolved as (
    select
        newest.subject,
        {{ person_key('newest.subject') }} as person_key,
        newest.customer_id,
        {{ iterable_user_id('newest.customer_id', person_key('newest.subject')) }} as user_id,
        newest.email,
        newest.channel,
        newest.purpose,
        newest.status,
        coalesce(newest.status in ('denied', 'withdrawn'), false) as is_opted_out,
        iterable_project.iterable_channel_id,
        newest.stated_at
    from newest
    inner join channels on newest.channel = channels.channel and newest.purpose = channels.purpose
    left join iterable_project on channels.iterable_channel_name = iterable_project.name
)

select * from resolved
