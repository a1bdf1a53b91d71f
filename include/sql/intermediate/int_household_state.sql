-- One row per meter and valid day from which on states matter: A (away), H (home) or U (uncertain).
select
    reading.meter_no,
    reading.reading_on,
    case
        when 2 * reading.energy_units < :away_below_ratio * baseline.double_baseline_units then 'A'
        when 2 * reading.energy_units >= :home_from_ratio * baseline.double_baseline_units then 'H'
        else 'U'
    end as state
from int_household_reading as reading
inner join int_household_baseline as baseline on baseline.meter_no = reading.meter_no
where
    reading.reading_on >= least(:household_december_from, :household_runs_from)
    and baseline.double_baseline_units > 0
