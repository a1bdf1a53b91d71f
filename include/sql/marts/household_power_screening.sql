with registered as (
    -- A home with several registered persons is observed from the first of them on.
    select
        meter.meter_no,
        min(register.valid_from) as since
    from int_quarantine_register as register
    inner join int_household_meter as meter on meter.meter_token = register.meter_token
    group by meter.meter_no
),

readings as (
    select
        meter_no,
        count(*) as valid_days,
        count(case when reading_on > :business_date - :household_window_days then 1 end) as window_valid_days,
        sum(energy_units) as energy_units,
        max(case when reading_on = :business_date then energy_units end) as today_units
    from int_household_reading
    group by meter_no
),

states as (
    select
        state.meter_no,
        count(case when in_window and state.state = 'H' then 1 end) as window_home_days,
        count(case when in_window and state.state = 'U' then 1 end) as window_uncertain_days,
        count(case when in_december then 1 end) as december_days,
        count(case when in_december and state.state = 'H' then 1 end) as december_home_days,
        count(case when in_observation then 1 end) as observed_days,
        count(case when in_observation and state.state = 'H' then 1 end) as observed_home_days
    from (
        select
            int_household_state.meter_no,
            int_household_state.state,
            int_household_state.reading_on > :business_date - :household_window_days as in_window,
            int_household_state.reading_on between :household_december_from and :household_december_to as in_december,
            coalesce(int_household_state.reading_on >= registered.since, false) as in_observation
        from int_household_state
        left join registered on registered.meter_no = int_household_state.meter_no
    ) as state
    group by state.meter_no
),

chained as (
    select
        meter_no,
        state,
        first_on,
        last_on,
        days,
        lag(state, 1) over (partition by meter_no order by run_no) as before_state,
        lag(days, 1) over (partition by meter_no order by run_no) as before_days,
        lag(state, 2) over (partition by meter_no order by run_no) as before_that_state,
        lag(days, 2) over (partition by meter_no order by run_no) as before_that_days,
        row_number() over (partition by meter_no order by run_no desc) as recency
    from int_household_run
),

turns as (
    -- Away, perhaps some uncertain days, then home.
    select
        meter_no,
        first_on as return_date,
        case when before_state = 'A' then before_days else before_that_days end as days_away,
        row_number() over (partition by meter_no order by first_on desc) as recency
    from chained
    where
        state = 'H'
        and days >= :returned_min_home_days
        and first_on > :business_date - :household_window_days
        and (
            before_state = 'A' and before_days >= :away_min_days
            or before_state = 'U' and before_that_state = 'A' and before_that_days >= :away_min_days
        )
),

still_away as (
    select
        meter_no,
        days as days_away
    from chained
    where
        recency = 1
        and state = 'A'
        and days >= :away_min_days
        and last_on >= :business_date - :away_last_reading_days
),

judged as (
    select
        meter.meter_token,
        meter.community_code,
        baseline.double_baseline_units,
        readings.today_units,
        case
            when baseline.meter_no is null or readings.window_valid_days < :household_window_min_days
                then 'INSUFFICIENT_DATA'
            when readings.energy_units < :vacant_below_kwh * 10000 and readings.valid_days >= :vacant_min_days
                then 'VACANT'
            when baseline.double_baseline_units = 0 then 'INSUFFICIENT_DATA'
            when states.observed_days > states.observed_home_days then 'QUARANTINE_CHECK'
            when states.observed_days > 0 then 'QUARANTINE_CONSISTENT'
            when turns.meter_no is not null then 'RETURNED'
            when still_away.meter_no is not null and states.december_home_days >= :december_min_home_share * states.december_days
                and states.december_days > 0 then 'NOT_YET_BACK'
            when states.window_home_days >= :stayed_min_home_share * readings.window_valid_days then 'STAYED'
            else 'INTERMITTENT'
        end as scenario,
        -- Without a baseline or a valid reading no day is certain.
        coalesce(readings.window_valid_days - states.window_uncertain_days, 0)
        / cast(:household_window_days as double) as confidence,
        turns.return_date,
        turns.days_away as turn_days_away,
        still_away.days_away as still_days_away
    from int_household_meter as meter
    left join readings on readings.meter_no = meter.meter_no
    left join int_household_baseline as baseline on baseline.meter_no = meter.meter_no
    left join states on states.meter_no = meter.meter_no
    left join turns on turns.meter_no = meter.meter_no and turns.recency = 1
    left join still_away on still_away.meter_no = meter.meter_no
),

communities as (
    select
        community_code,
        median(2.0 * today_units / double_baseline_units) as community_median_ratio
    from judged
    where double_baseline_units > 0 and today_units is not null
    group by community_code
)

select
    judged.meter_token,
    :business_date as business_date,
    judged.scenario,
    judged.confidence,
    case judged.scenario
        when 'RETURNED' then judged.turn_days_away
        when 'NOT_YET_BACK' then judged.still_days_away
    end as days_away,
    case when judged.scenario = 'RETURNED' then judged.return_date end as return_date,
    judged.double_baseline_units / 20000.0 as baseline_kwh,
    case when judged.double_baseline_units > 0 then 2.0 * judged.today_units / judged.double_baseline_units end
        as ratio,
    judged.community_code,
    communities.community_median_ratio,
    case judged.scenario
        when 'QUARANTINE_CHECK' then 'visit'
        when 'RETURNED' then 'check'
        when 'NOT_YET_BACK' then 'check'
        else 'none'
    end as suggested_action
from judged
left join communities on communities.community_code = judged.community_code
