-- One row per meter with enough valid days: twice the median, which of an even number of days lies between two readings.
select
    reading.meter_no,
    cast(2 * median(reading.energy_units) as bigint) as double_baseline_units
from int_household_reading as reading
inner join reference.calendar as calendar on calendar.day = reading.reading_on
where
    reading.reading_on between :household_baseline_from and :household_baseline_to
    and not calendar.is_public_holiday
group by reading.meter_no
having count(*) >= :household_baseline_min_days
