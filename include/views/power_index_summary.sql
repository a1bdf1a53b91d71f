-- Power index of the district and its units, for publication. A cell of fewer than 5 accounts, with 1 to 4 resumed ones,
-- or of whose kWh one account uses more than 85 % is hidden, and with it a unit of at least its size, so that the level's
-- rest says nothing about it. Below 20 accounts there is no index and no coverage.
--
-- business_date: Business date that the row speaks of.
-- level: district, subdistrict, park or industry_section.
-- unit: Unit of the level; see mart.power_index_summary.
-- index: Half the share of accounts resumed and half their share of the baseline's energy, times 100.
-- n: Accounts with a baseline. Unit: account.
-- n_resumed: Of them resumed. Unit: account.
-- kwh_resumed: Energy of the resumed ones. Unit: kWh.
-- baseline_kwh: Energy of all on an ordinary working day. Unit: kWh.
-- coverage: Share of the unit's enterprises in scope that an account speaks for. Unit: fraction.
-- suppressed: The figures are hidden.
with cells as (
    select
        *,
        n < 5 or n_resumed between 1 and 4 or coalesce(largest_share > 0.85, false) as is_small
    from mart.power_index_summary
),

district as (
    select
        business_date,
        is_small as district_small
    from cells
    where level = 'district'
),

sums as (
    select
        cells.*,
        district.district_small,
        count(*) filter (where is_small) over same_level as small_units,
        sum(baseline_kwh) filter (where is_small) over same_level as small_kwh
    from cells
    inner join district using (business_date)
    window same_level as (partition by business_date, level)
),

-- The smallest open unit that is no smaller than what is hidden; if there is none, the largest.
ordered as (
    select
        *,
        row_number() over (
            partition by business_date, level, is_small
            order by
                (baseline_kwh < small_kwh)::integer,
                case when baseline_kwh >= small_kwh then baseline_kwh else -baseline_kwh end,
                unit
        ) as place
    from sums
),

verdicts as (
    select
        *,
        is_small or district_small or (level <> 'district' and small_units > 0 and place = 1) as hidden
    from ordered
)

select
    business_date,
    level,
    unit,
    case when not hidden and n >= 20 then index end as index,
    case when not hidden then n end as n,
    case when not hidden then n_resumed end as n_resumed,
    case when not hidden then kwh_resumed end as kwh_resumed,
    case when not hidden then baseline_kwh end as baseline_kwh,
    case when not hidden and n >= 20 then coverage end as coverage,
    hidden as suppressed
from verdicts
