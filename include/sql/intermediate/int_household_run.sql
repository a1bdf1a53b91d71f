-- One row per meter and run of valid days in one state; invalid days neither make nor break a run.
with marked as (
    select
        meter_no,
        reading_on,
        state,
        case
            when state = lag(state) over (partition by meter_no order by reading_on) then 0
            else 1
        end as starts
    from int_household_state
    where reading_on >= :household_runs_from
),

numbered as (
    select
        meter_no,
        reading_on,
        state,
        sum(starts) over (
            partition by meter_no
            order by reading_on
            rows between unbounded preceding and current row
        ) as run_no
    from marked
)

select
    meter_no,
    run_no,
    min(state) as state,
    min(reading_on) as first_on,
    max(reading_on) as last_on,
    count(*) as days
from numbered
group by meter_no, run_no
