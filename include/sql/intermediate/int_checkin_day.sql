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
            partition by uscc, phone_token, delivery_name, measured_at
            order by published_at desc, row_number desc
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
