-- One row per meter and day whose latest reading is valid. Energy in tenths of a watt-hour, an integer: sums, medians and
-- thresholds are exact, and 26 million rows stay small.
with deliveries as (
    select
        delivery_id,
        row_number() over (order by published_at, name, delivery_id) as delivery_no
    from ops.feed_delivery
    where feed = 'household_power'
),

latest as (
    select
        meter.meter_no,
        reading.reading_on,
        max_by(
            case
                when reading.quality = 'ok' and reading.energy >= 0 then cast(reading.energy * 10000 as bigint)
                else -1
            end,
            deliveries.delivery_no * 1000000000 + reading.row_number
        ) as energy_units
    from feed.household_power as reading
    inner join deliveries on deliveries.delivery_id = reading.delivery_id
    inner join int_household_meter as meter on meter.meter_token = reading.meter_token
    where
        reading.reading_on <= :business_date
        and reading.reading_on >= :business_date - :household_history_days
    group by meter.meter_no, reading.reading_on
)

select
    meter_no,
    reading_on,
    energy_units
from latest
where energy_units >= 0
