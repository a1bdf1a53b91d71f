-- One row per account, metering point and day of reading: the latest delivery's.
with ranked as (
    select
        account_no,
        point_no,
        reading_on,
        energy,
        multiplier,
        read_status,
        row_number() over (
            partition by account_no, point_no, reading_on
            order by published_at desc, delivery_name desc, row_number desc
        ) as recency
    from feed.enterprise_power
    where reading_on <= :business_date
)

select
    account_no,
    point_no,
    reading_on,
    energy,
    multiplier,
    read_status
from ranked
where recency = 1
