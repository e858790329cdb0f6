{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='profile_id',
    on_schema_change='sync_all_columns',
    pre_hook="{{ forget_absent(
        'profile_id', ref('int_profiles__described'), 'phone_raw is not null'
    ) }}"
) }}
-- noqa: disable=LT02,AL05
-- Grain: profile_id, where a number was given. E.164 by the rule that config/phone_countries.csv
-- states per country: read as international after + or the country's own exit code, else as
-- national in the address's country; the trunk prefix goes; what is left must match the country's
-- numbering plan. Letters are not dialled. A number is read once, until it or its country changes:
-- patterns that come from rows cost more than everything else in a build. Other rules read all
-- anew.
{%- set parts = [] %}
{%- for column in [
    'country_code', 'calling_code', 'is_main_country', 'exit_pattern', 'trunk_pattern',
    'trunk_group', 'trunk_rule', 'national_pattern', 'code_pattern'
] %}
    {%- do parts.append("coalesce(cast(" ~ column ~ " as varchar), '')") %}
{%- endfor %}
with rules as (
    select
        {{ md5_hex(string_agg_ordered(parts | join(" || ',' || "), "';'", 'country_code')) }}
            as rules_digest
    from {{ ref('phone_countries') }}
),

profiles as (
    select
        profile_id,
        phone_raw,
        phone_country_code
    from {{ ref('int_profiles__described') }} as described
    where
        phone_raw is not null
        {%- if is_incremental() %}
            and not exists (
                select 1
                from {{ this }} as phones
                where
                    phones.profile_id = described.profile_id
                    and phones.phone_raw = described.phone_raw
                    and phones.phone_country_code is not distinct from described.phone_country_code
                    and phones.rules_digest = (select rules.rules_digest from rules)
            )
        {%- endif %}
),

countries as (
    select * from {{ ref('phone_countries') }}
),

codes as (
    select * from {{ ref('phone_countries') }}
    where is_main_country
),

cleaned as (
    select
        profile_id,
        phone_country_code,
        {{ replace_once(
            "translate(lower(phone_raw), '٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹０１２３４５６７８９＋',"
            ~ " '012345678901234567890123456789+')",
            "'[ ,;]*(?:;ext=|ext(?:ension|n)?|x|#)[ .:]*[0-9]{1,7}#?[ ]*$'", "''"
        ) }} as dialled
    from profiles
),

digits as (
    select
        profile_id,
        phone_country_code,
        {{ matches_pattern('dialled', '[a-z]') }} as has_letters,
        {{ matches_pattern('dialled', '^[^0-9]*[+]') }} as has_plus,
        {{ replace_pattern('dialled', '[^0-9]', '') }} as digits
    from cleaned
),

-- 00 49 30 ... is international too, unless a zero follows: no calling code starts with one
exited as (
    select
        digits.profile_id,
        digits.phone_country_code,
        digits.has_letters,
        digits.has_plus,
        digits.digits,
        countries.calling_code as own_code,
        countries.trunk_pattern as own_trunk_pattern,
        countries.national_pattern as own_national_pattern,
        case
            when not digits.has_plus then {{ replace_once(
                'digits.digits', "'^(?:' || countries.exit_pattern || ')'", "''"
            ) }}
        end as after_exit
    from digits
    left join countries on digits.phone_country_code = countries.country_code
),

sided as (
    select
        *,
        coalesce(
            has_plus or (after_exit <> digits and left(after_exit, 1) <> '0'), false
        ) as is_international,
        -- someone typed the country's own code without the plus
        coalesce(
            not has_plus
            and starts_with(digits, own_code)
            and not {{ matches_fully('digits', 'own_national_pattern') }}
            and {{ matches_fully(
                replace_once(
                    'substr(digits, length(own_code) + 1)',
                    "'^(?:' || coalesce(own_trunk_pattern, '') || ')'",
                    "''"
                ),
                'own_national_pattern'
            ) }},
            false
        ) as is_own_code
    from exited
),

coded as (
    select
        sided.profile_id,
        sided.has_letters,
        sided.is_international or sided.is_own_code as has_code,
        sided.phone_country_code,
        sided.own_code,
        case
            when sided.has_plus or (sided.is_own_code and not sided.is_international)
                then sided.digits
            when sided.is_international then sided.after_exit
            else sided.own_code || sided.digits
        end as full_digits
    from sided
),

plans as (
    select
        coded.profile_id,
        coded.has_letters,
        coded.has_code,
        coded.full_digits,
        codes.calling_code,
        substr(coded.full_digits, length(codes.calling_code) + 1) as national,
        -- a number without a code is dialled by the rules of its own country, else of the code's
        -- main country
        case
            when coded.has_code then codes.trunk_pattern else own.trunk_pattern
        end as trunk_pattern,
        case when coded.has_code then codes.trunk_group else own.trunk_group end as trunk_group,
        case when coded.has_code then codes.trunk_rule else own.trunk_rule end as trunk_rule,
        case
            when coded.has_code then codes.national_pattern else own.national_pattern
        end as national_pattern,
        codes.code_pattern
    from coded
    left join codes
        on codes.calling_code in (
            left(coded.full_digits, 1), left(coded.full_digits, 2), left(coded.full_digits, 3)
        )
    left join countries as own on coded.phone_country_code = own.country_code
),

stripped as (
    select
        *,
        case trunk_group
            when 1 then regexp_extract(national, '^(?:' || trunk_pattern || ')', 1)
            when 2 then regexp_extract(national, '^(?:' || trunk_pattern || ')', 2)
        end as trunk_part,
        {{ replace_once('national', "'^(?:' || trunk_pattern || ')'", "''") }} as without_trunk,
        {{ replace_once('national', "'^(?:' || trunk_pattern || ')'", 'trunk_rule') }}
            as by_trunk_rule
    from plans
),

chosen as (
    select
        *,
        case when trunk_part <> '' then by_trunk_rule else without_trunk end as candidate
    from stripped
),

-- a number that fits as it is keeps a first digit that only looks like a trunk prefix
nationals as (
    select
        *,
        case
            when candidate is null then national
            when
                {{ matches_fully('national', 'national_pattern') }}
                and not {{ matches_fully('candidate', 'national_pattern') }}
                then national
            else candidate
        end as national_number
    from chosen
),

judged as (
    select
        profile_id,
        case
            when has_letters then 'letters'
            when full_digits is null then 'unknown_country'
            when length(full_digits) < 5 then 'too_short'
            when calling_code is null then 'unknown_calling_code'
            when not {{ matches_fully('national_number', 'code_pattern') }}
                then 'not_in_numbering_plan'
        end as phone_invalid_reason,
        '+' || calling_code || national_number as phone
    from nationals
),

decided as (
    select
        judged.profile_id,
        case when judged.phone_invalid_reason is null then judged.phone end as phone_e164,
        judged.phone_invalid_reason,
        profiles.phone_raw,
        profiles.phone_country_code,
        rules.rules_digest
    from judged
    inner join profiles on judged.profile_id = profiles.profile_id
    cross join rules
)

select * from decided
