-- One row per check-in of the business date; of one person's rows of the same half day and moment the later one.
with ranked as (
    select
        uscc,
        phone_token,
        code_colour,
        temperature_c,
        measured_at,
        place,
        symptomatic,
        published_at,
        delivery_name,
        row_number,
        row_number() over (
            -- am.csv and am_2.csv speak of the same half day.
            partition by uscc, phone_token, split_part(split_part(delivery_name, '.', 1), '_', 1), measured_at
            order by published_at desc, delivery_name desc, row_number desc
        ) as recency
    from feed.checkins
    where delivered_for = :business_date and uscc is not null
)

select
    uscc,
    phone_token,
    code_colour,
    temperature_c,
    measured_at,
    place,
    symptomatic,
    published_at,
    delivery_name,
    row_number
from ranked
where recency = 1
