-- Grain: email, user_id, field. Profile fields of people Iterable knew at first sight, as it wrote
-- them; members of the consent object as `consent.<member>`. The export puts fields at the top
-- level, single reads beneath dataFields.
with source as (
    select * from {{ source('raw_iterable', 'users') }}
),

profiles as (
    select
        {{ fold_email('email') }} as email,
        {{ identifying_user_id('user_id') }} as user_id,
        coalesce({{ json_value('document', 'dataFields') }}, document) as fields
    from source
),

top_level as (
    select
        profiles.email,
        profiles.user_id,
        entries.field,
        {{ json_member('profiles.fields', 'entries.field') }} as value_text
    from profiles
    cross join {{ json_each_key('profiles.fields', 'entries', 'field') }}
    where entries.field <> 'consent'
),

consent_members as (
    select
        profiles.email,
        profiles.user_id,
        'consent.' || entries.field as field,
        {{ json_member(json_value('profiles.fields', 'consent'), 'entries.field') }} as value_text
    from profiles
    cross join {{ json_each_key(json_value('profiles.fields', 'consent'), 'entries', 'field') }}
),

unioned as (
    select * from top_level
    union all
    select * from consent_members
)

select * from unioned
where value_text is not null
