-- One row per account with a baseline: the mean of its valid days among those of the method, as sum and count.
with valid as (
    select
        day.account_no,
        count(*) as days,
        sum(day.kwh) as kwh
    from int_power_day as day
    inner join int_baseline_day as baseline_day on baseline_day.day = day.reading_on
    where baseline_day.is_counted and day.mark = 'ok'
    group by day.account_no
)

select
    account_no,
    days as baseline_days,
    kwh as baseline_total_kwh
from valid
where
    days >= case :baseline_method when 'lunar_prev_year' then :lunar_min_days else :baseline_min_days end
    and kwh >= :baseline_min_kwh * days
