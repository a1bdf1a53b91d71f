-- One row per account with a baseline: the mean of its valid working days in the baseline window, as sum and count.
with valid as (
    select
        day.account_no,
        count(*) as days,
        sum(day.kwh) as kwh
    from int_power_day as day
    inner join reference.calendar as calendar on calendar.day = day.reading_on
    where
        day.reading_on between :baseline_from and :baseline_to
        and calendar.is_working_day
        and day.mark = 'ok'
    group by day.account_no
)

select
    account_no,
    days as baseline_days,
    kwh as baseline_total_kwh
from valid
where days >= :baseline_min_days and kwh >= :baseline_min_kwh * days
