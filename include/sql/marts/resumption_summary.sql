with firms as (
    select
        unit.scope,
        unit.level,
        unit.unit,
        firm.official_resumed,
        firm.corroborated_resumed,
        coalesce(official.has_report, false) as has_report,
        -- Numbers that contradict themselves say nothing about the share of staff at work.
        case when firm.staff_onsite <= firm.staff_total then firm.staff_total end as staff_total,
        case when firm.staff_onsite <= firm.staff_total then firm.staff_onsite end as staff_onsite
    from int_scope_unit as unit
    inner join enterprise_resumption as firm on firm.uscc = unit.uscc
    left join int_official as official on official.uscc = unit.uscc
),

totals as (
    select
        scope,
        level,
        unit,
        count(*) as denominator,
        count(case when official_resumed then 1 end) as resumed,
        count(case when corroborated_resumed then 1 end) as corroborated,
        count(case when has_report then 1 end) as reporting,
        sum(staff_total) as staff_total,
        sum(staff_onsite) as staff_onsite
    from firms
    group by scope, level, unit
),

rates as (
    select
        totals.*,
        cast(totals.resumed as double) / totals.denominator as official_rate,
        -- There is no change on the first day that the registry speaks of.
        case
            when (select min(delivered_for) from stg_registry) < :business_date
                then cast(before.resumed as double) / before.denominator
        end as official_rate_before,
        totals.denominator < :rate_min_denominator
        or totals.resumed between 1 and :small_cell_max
        or totals.reporting between 1 and :small_cell_max as is_small
    from totals
    left join previous_day.int_official_count as before
        on before.scope = totals.scope
        and before.level = totals.level
        and before.unit = totals.unit
),

-- A single hidden unit could be told from the district's total: the smallest open unit of its level is hidden with it.
neighbours as (
    select
        *,
        count(case when is_small then 1 end) over (partition by scope, level) as small_units,
        row_number() over (partition by scope, level, is_small order by denominator, unit) as size_order
    from rates
)

select
    :business_date as business_date,
    scope,
    level,
    unit,
    denominator,
    resumed,
    official_rate,
    cast(corroborated as double) / denominator as corroborated_rate,
    case when staff_total > 0 then cast(staff_onsite as double) / cast(staff_total as double) end as staff_rate,
    reporting,
    cast(reporting as double) / denominator as coverage,
    official_rate - official_rate_before as delta_1d,
    is_small or (small_units = 1 and size_order = 1) as suppressed
from neighbours
