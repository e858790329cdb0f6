-- Grain: subject, channel, purpose. What each person or guest address last said outside Iterable,
-- as far as the rules of the market let that system speak; a customer who was deleted is out of
-- every channel from then on. What somebody left at Iterable stands there already, unless a grant
-- of ours came after it: then it is said again. Part of stage 1 of a sync: built before everything
-- else, without tests, from ids, addresses, stores and consent paths only.
with rules as (
    select * from {{ ref('int_consent__rules') }}
),

shop_statements as (
    select
        statements.*,
        rules.source_of_truth
    from {{ ref('stg_commercetools__consent_statements') }} as statements
    left join rules
        on
            statements.market_code = rules.market_code
            and statements.channel = rules.channel
            and statements.purpose = rules.purpose
    where coalesce(rules.source_of_truth not in ('iterable', 'import'), true)
),

-- an import names no market: the person's is that of the newest record that says anything, and who
-- has none is heard
markets_of_people as (
    select
        {{ person_subject('customer_id', 'email') }} as subject,
        market_code
    from {{ ref('stg_commercetools__consent_statements') }}
    qualify row_number() over (
        partition by {{ person_subject('customer_id', 'email') }}
        order by stated_at desc nulls last, resource_id desc, version desc
    ) = 1
),

imported_statements as (
    select
        statements.*,
        rules.source_of_truth
    from {{ ref('stg_imports__consent_statements') }} as statements
    left join markets_of_people
        on
            {{ person_subject('statements.customer_id', 'statements.email') }}
            = markets_of_people.subject
    left join rules
        on
            markets_of_people.market_code = rules.market_code
            and statements.channel = rules.channel
            and statements.purpose = rules.purpose
    where coalesce(rules.source_of_truth not in ('iterable', 'commercetools'), true)
),

-- who said yes at Iterable after a refusal elsewhere stays, where the newest word or the person's
-- own later grant counts
iterable_grants as (
    select
        events.email,
        events.user_id,
        channels.id as iterable_channel_id,
        max(events.stated_at) as granted_at
    from {{ ref('stg_iterable__consent_events') }} as events
    inner join {{ source('raw_iterable', 'channels') }} as channels
        on {{ list_has('events.iterable_channel_ids', 'cast(channels.id as varchar)') }}
    where events.status = 'granted' and events.is_by_person
    group by events.email, events.user_id, channels.id
),

channels as (
    select * from {{ ref('iterable_channels') }}
),

iterable_project as (
    {{ channels_by_name() }}
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
        deletions.deleted_at as learned_at,
        'deletion' as source_of_truth
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
        learned_at,
        source_of_truth
    from shop_statements
    union all
    select
        'imports' as resource_type,
        event_key as resource_id,
        cast(null as bigint) as version,
        customer_id,
        email,
        channel,
        purpose,
        status,
        stated_at,
        learned_at,
        source_of_truth
    from imported_statements
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
        learned_at,
        'undone' as source_of_truth
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
        stated_at,
        source_of_truth
    from words
    where
        (customer_id is not null or email is not null)
        -- taking a tick away says nothing, so it must not hide a refusal that is not delivered yet
        and status not in ('unknown', 'pending')
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

placed as (
    select
        newest.*,
        iterable_project.channel_id as iterable_channel_id
    from newest
    inner join channels on newest.channel = channels.channel and newest.purpose = channels.purpose
    left join iterable_project on channels.iterable_channel_name = iterable_project.name
),

resolved as (
    select
        placed.subject,
        {{ person_key('placed.subject') }} as person_key,
        placed.customer_id,
        {{ iterable_user_id('placed.customer_id', person_key('placed.subject')) }} as user_id,
        placed.email,
        placed.channel,
        placed.purpose,
        placed.status,
        coalesce(placed.status in ('denied', 'withdrawn'), false) as is_opted_out,
        placed.iterable_channel_id,
        placed.stated_at
    from placed
    where
        not exists (
            select 1 from iterable_grants
            where
                placed.source_of_truth in ('most_recent', 'withdrawal_wins')
                and placed.iterable_channel_id = iterable_grants.iterable_channel_id
                and placed.stated_at < iterable_grants.granted_at
                and (
                    placed.email = iterable_grants.email
                    or placed.customer_id = iterable_grants.user_id
                )
        )
)

select * from resolved
