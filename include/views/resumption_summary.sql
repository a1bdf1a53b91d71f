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
with cells as (
    select
        summary.*,
        case when summary.scope like 'above\_scale%' then 'above_scale' else 'statistical' end as family,
        summary.scope in ('statistical', 'above_scale') as is_total,
        -- The table's flag, what the published rates tell, and what is left of a scope without those above scale.
        summary.suppressed
        or round(summary.corroborated_rate * summary.denominator) between 1 and 4
        or coalesce(
            whole.denominator - summary.denominator between 1 and 4
            or whole.resumed - summary.resumed between 1 and 4
            or whole.reporting - summary.reporting between 1 and 4,
            false
        ) as is_small
    from mart.resumption_summary as summary
    left join mart.resumption_summary as whole
        on whole.business_date = summary.business_date
        and whole.level = summary.level
        and whole.unit = summary.unit
        and whole.scope = case summary.scope when 'above_scale' then 'statistical' else substr(summary.scope, 13) end
        and summary.scope like 'above\_scale%'
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

district_hidden as (
    select
        business_date,
        scope,
        level,
        unit,
        is_small or total_small or (not is_total and small_sectors = 1 and not is_small and place = 1) as hidden
    from district_cells
),

-- What is hidden of the whole district is hidden everywhere, or its parts would add up to it.
unit_cells as (
    select
        cells.business_date,
        cells.family,
        cells.is_total,
        cells.scope,
        cells.level,
        cells.unit,
        cells.denominator,
        cells.is_small or district_hidden.hidden as is_small
    from cells
    inner join district_hidden
        on district_hidden.business_date = cells.business_date
        and district_hidden.scope = cells.scope
    where cells.level <> 'district'
),

units as (
    select
        business_date,
        family,
        level,
        unit,
        bool_or(is_small and not is_total) as small_sector,
        count(*) filter (where not is_total) as sectors,
        coalesce(bool_or(is_total and is_small), false) as small_total,
        max(denominator) as denominator
    from unit_cells
    group by business_date, family, level, unit
),

-- The only sector of a unit is as good as its total.
small_units as (
    select
        *,
        small_total or (coalesce(small_sector, false) and sectors < 2) as is_small
    from units
),

hidden_units as (
    select
        *,
        is_small
        or count(*) filter (where is_small) over (partition by business_date, family, level) = 1
        and row_number() over (
            partition by business_date, family, level, is_small
            order by denominator, unit
        ) = 1 as total_hidden
    from small_units
),

sector_cells as (
    select
        unit_cells.*,
        hidden_units.sectors,
        hidden_units.total_hidden or coalesce(hidden_units.small_sector, false) as row_hidden
    from unit_cells
    inner join hidden_units using (business_date, family, level, unit)
    where not unit_cells.is_total
),

-- A sector that is hidden in one unit only takes the smallest other unit with it; twice, as that unit has sectors too.
once_more as (
    select
        business_date,
        family,
        level,
        unit,
        scope,
        sectors,
        denominator,
        bool_or(row_hidden or is_needed) over (partition by business_date, family, level, unit) as row_hidden
    from (
        select
            *,
            not row_hidden
            and count(*) filter (where row_hidden) over (partition by business_date, scope, level) = 1
            and row_number() over (
                partition by business_date, scope, level, row_hidden
                order by (sectors < 2)::integer, denominator, unit
            ) = 1 as is_needed
        from sector_cells
    ) as first_round
),

hidden_sectors as (
    select
        business_date,
        scope,
        level,
        unit,
        bool_or(row_hidden or is_needed) over (partition by business_date, family, level, unit) as hidden
    from (
        select
            *,
            not row_hidden
            and count(*) filter (where row_hidden) over (partition by business_date, scope, level) = 1
            and row_number() over (
                partition by business_date, scope, level, row_hidden
                order by (sectors < 2)::integer, denominator, unit
            ) = 1 as is_needed
        from once_more
    ) as second_round
),

verdicts as (
    select * from district_hidden
    union all
    select * from hidden_sectors
    union all
    select
        business_date,
        family as scope,
        level,
        unit,
        total_hidden as hidden
    from hidden_units
)

select
    cells.business_date,
    cells.scope,
    cells.level,
    cells.unit,
    case when not verdicts.hidden then cells.denominator end as denominator,
    case when not verdicts.hidden then cells.resumed end as resumed,
    case when not verdicts.hidden then cells.official_rate end as official_rate,
    case when not verdicts.hidden then cells.corroborated_rate end as corroborated_rate,
    case when not verdicts.hidden then cells.staff_rate end as staff_rate,
    case when not verdicts.hidden then cells.reporting end as reporting,
    case when not verdicts.hidden then cells.coverage end as coverage,
    case when not verdicts.hidden then cells.delta_1d end as delta_1d,
    verdicts.hidden as suppressed
from cells
inner join verdicts using (business_date, scope, level, unit)
