-- One row per person with a health code: the worse of the latest code and the day's latest check-in, and the newer time.
with codes as (
    select
        person_token,
        colour,
        updated_at,
        row_number() over (
            partition by person_token
            order by updated_at desc, published_at desc, delivery_name desc, row_number desc
        ) as recency
    from feed.health_codes
),

shown as (
    select
        declaration.person_token,
        checkin.code_colour as colour,
        checkin.measured_at,
        row_number() over (
            partition by declaration.person_token
            order by
                checkin.measured_at desc nulls last,
                checkin.published_at desc,
                checkin.delivery_name desc,
                checkin.row_number desc,
                checkin.uscc
        ) as recency
    from int_checkin_day as checkin
    inner join int_declaration as declaration
        on declaration.uscc = checkin.uscc
        and declaration.phone_token = checkin.phone_token
    where not declaration.is_phone_shared and checkin.code_colour is not null
),

both_sources as (
    select
        person_token,
        colour,
        updated_at as seen_at
    from codes
    where recency = 1

    union all

    select
        person_token,
        colour,
        measured_at as seen_at
    from shown
    where recency = 1
),

worst as (
    select
        person_token,
        max(case colour when 'red' then 3 when 'yellow' then 2 else 1 end) as colour_no,
        max(seen_at) as seen_at
    from both_sources
    group by person_token
)

select
    person_token,
    case colour_no when 3 then 'red' when 2 then 'yellow' else 'green' end as code_colour,
    -- To the end of the business date; a code of the night after is of age 0.
    greatest(
        date_diff('second', seen_at, cast(:business_date as timestamptz) + interval 24 hour) / 3600.0,
        0
    ) as code_age_hours
from worst
