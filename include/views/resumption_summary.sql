-- Resumption rates of the district by scope and unit, for publication: figures that would speak of a few enterprises are
-- null, and so are those from which a hidden one could be worked out. A level adds up to the district, the sectors of a
-- family (all enterprises, or those above scale) to the family: where a cell of a sector is hidden in a unit, all sectors
-- of that unit are, and no sector or total is hidden in a single unit of a level.
--
-- business_date: Business date that the row speaks of.
-- scope: statistical, above_scale, a sector, or above_scale_<sector>.
-- level: district, subdistrict, park, industry_section or size.
-- unit: Unit of the level; see mart.resumption_summary.
-- denominator: Active enterprises in the scope and unit. Unit: enterprise.
-- resumed: Of them officially resumed. Unit: enterprise.
-- official_rate: resumed / denominator. Unit: fraction.
-- corroborated_rate: Share that is officially resumed and shows power or people. Unit: fraction.
-- staff_rate: Staff on site / staff, of the effective reports. Unit: fraction.
-- reporting: Enterprises of the denominator with an effective report. Unit: enterprise.
-- coverage: reporting / denominator. Unit: fraction.
-- delta_1d: official_rate less that of the day before. Unit: fraction.
-- suppressed: The figures are hidden.
--
-- Every step is a window over a day and a level, so that a filter on either reaches the table before anything is sorted.
with cells as not materialized (
    select
        *,
        case when scope like 'above\_scale%' then 'above_scale' else 'statistical' end as family,
        scope in ('statistical', 'above_scale') as is_total,
        -- The table's flag, what the published rates tell, and what is left of a scope without those above scale.
        suppressed
        or round(corroborated_rate * denominator) between 1 and 4
        or coalesce(
            max(denominator) filter (where scope = whole_scope) over same_whole - denominator between 1 and 4
            or max(resumed) filter (where scope = whole_scope) over same_whole - resumed between 1 and 4
            or max(reporting) filter (where scope = whole_scope) over same_whole - reporting between 1 and 4,
            false
        ) as is_small
    from (
        select
            *,
            case
                when scope = 'above_scale' then 'statistical'
                when scope like 'above\_scale%' then substr(scope, 13)
                else scope
            end as whole_scope
        from mart.resumption_summary
    ) as summary
    window same_whole as (partition by business_date, level, unit, whole_scope)
),

district_cells as (
    select
        *,
        bool_or(is_total and is_small) over (partition by business_date, family) as total_small,
        count(*) filter (where is_small and not is_total) over (partition by business_date, family) as small_sectors,
        row_number() over (partition by business_date, family, is_total, is_small order by denominator, scope) as place
    from cells
    where level = 'district'
),

district_verdicts as not materialized (
    select
        *,
        is_small or total_small or (not is_total and small_sectors = 1 and not is_small and place = 1) as hidden
    from district_cells
),

-- What is hidden of the whole district is hidden everywhere, or its parts would add up to it.
unit_cells as (
    select
        cells.business_date,
        cells.scope,
        cells.level,
        cells.unit,
        cells.denominator,
        cells.resumed,
        cells.official_rate,
        cells.corroborated_rate,
        cells.staff_rate,
        cells.reporting,
        cells.coverage,
        cells.delta_1d,
        cells.family,
        cells.is_total,
        cells.is_small or district_verdicts.hidden as is_small
    from cells
    inner join district_verdicts
        on district_verdicts.business_date = cells.business_date
        and district_verdicts.scope = cells.scope
    where cells.level <> 'district'
),

units as (
    select
        *,
        coalesce(bool_or(is_small and not is_total) over same_unit, false) as small_sector,
        coalesce(bool_or(is_small and is_total) over same_unit, false) as small_total,
        count(*) filter (where not is_total) over same_unit as sectors,
        max(denominator) over same_unit as unit_denominator,
        row_number() over (partition by business_date, level, family, unit order by scope) = 1 as is_first
    from unit_cells
    window same_unit as (partition by business_date, level, family, unit)
),

-- The only sector of a unit is as good as its total.
small_units as (
    select
        *,
        small_total or (small_sector and sectors < 2) as unit_small
    from units
),

-- A single hidden total takes the smallest other one with it.
hidden_units as (
    select
        *,
        unit_small
        or count(*) filter (where unit_small and is_first) over (partition by business_date, level, family) = 1
        and dense_rank() over (
            partition by business_date, level, family, unit_small
            order by unit_denominator, unit
        ) = 1 as total_hidden
    from small_units
),

sectors as (
    select
        *,
        total_hidden or small_sector as row_hidden
    from hidden_units
),

-- A sector that is hidden in one unit only takes the smallest other unit with it; twice, as that unit has sectors too.
first_needed as (
    select
        *,
        not row_hidden
        and count(*) filter (where row_hidden) over (partition by business_date, level, scope) = 1
        and row_number() over (
            partition by business_date, level, scope, row_hidden
            order by (sectors < 2)::integer, denominator, unit
        ) = 1 as is_needed
    from sectors
),

first_round as (
    select
        *,
        bool_or(row_hidden or is_needed) filter (where not is_total) over (
            partition by business_date, level, family, unit
        ) as once_hidden
    from first_needed
),

second_needed as (
    select
        *,
        not once_hidden
        and count(*) filter (where once_hidden) over (partition by business_date, level, scope) = 1
        and row_number() over (
            partition by business_date, level, scope, once_hidden
            order by (sectors < 2)::integer, denominator, unit
        ) = 1 as is_needed_too
    from first_round
),

second_round as (
    select
        *,
        bool_or(once_hidden or is_needed_too) filter (where not is_total) over (
            partition by business_date, level, family, unit
        ) as twice_hidden
    from second_needed
),

verdicts as (
    select
        business_date, scope, level, unit, denominator, resumed, official_rate, corroborated_rate, staff_rate,
        reporting, coverage, delta_1d, hidden
    from district_verdicts
    union all
    select
        business_date, scope, level, unit, denominator, resumed, official_rate, corroborated_rate, staff_rate,
        reporting, coverage, delta_1d, case when is_total then total_hidden else twice_hidden end as hidden
    from second_round
)

select
    business_date,
    scope,
    level,
    unit,
    case when not hidden then denominator end as denominator,
    case when not hidden then resumed end as resumed,
    case when not hidden then official_rate end as official_rate,
    case when not hidden then corroborated_rate end as corroborated_rate,
    case when not hidden then staff_rate end as staff_rate,
    case when not hidden then reporting end as reporting,
    case when not hidden then coverage end as coverage,
    case when not hidden then delta_1d end as delta_1d,
    hidden as suppressed
from verdicts
