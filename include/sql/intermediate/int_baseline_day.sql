-- One row per day whose readings make the accounts' baselines, by the method in force, and whether its kWh enter the mean.
with paired as (
    -- As many days after New Year's Day as the business date, in the year before.
    select :business_date - cast(date_diff('day', cast(before.new_year_on as date), cast(here.new_year_on as date)) as integer)
        as day
    from reference.lunar_new_year as here
    inner join reference.lunar_new_year as before
        on cast(before.year as integer) = cast(here.year as integer) - 1
    where cast(here.year as integer) = extract(year from :business_date)
)

select
    calendar.day,
    calendar.is_working_day as is_counted
from reference.calendar as calendar
where :baseline_method = 'working_days' and calendar.day between :baseline_from and :baseline_to

union all

-- Weekdays fall elsewhere in another year: whole weeks are compared.
select
    calendar.day,
    true as is_counted
from reference.calendar as calendar
inner join paired
    on calendar.day between paired.day - :lunar_days_around and paired.day + :lunar_days_around
where :baseline_method = 'lunar_prev_year'
