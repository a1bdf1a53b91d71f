-- One row per active enterprise in scope, scope it counts in, level and unit. Every level holds every enterprise.
with firms as (
    select
        int_scope.uscc,
        int_scope.scope_sector,
        int_scope.above_scale,
        coalesce(int_registry.subdistrict_code, 'unallocated') as subdistrict,
        coalesce(int_registry.park_code, 'unallocated') as park,
        coalesce(int_registry.industry_section, 'unallocated') as industry_section,
        case
            when int_official.staff_total >= :size_large_from then '300+'
            when int_official.staff_total >= :size_medium_from then '50-299'
            when int_official.staff_total >= :size_small_from then '10-49'
            when int_official.staff_total >= 1 then '1-9'
            else 'unallocated'
        end as size
    from int_scope
    inner join int_registry on int_registry.uscc = int_scope.uscc and int_registry.is_active
    left join int_official on int_official.uscc = int_scope.uscc
),

scopes as (
    select uscc, 'statistical' as scope
    from firms

    union all

    select uscc, 'above_scale' as scope
    from firms
    where above_scale

    union all

    select uscc, scope_sector as scope
    from firms
    where scope_sector <> 'other'

    union all

    select uscc, concat('above_scale_', scope_sector) as scope
    from firms
    where above_scale and scope_sector <> 'other'
),

units as (
    select uscc, 'district' as level, :district_code as unit
    from firms

    union all

    select uscc, 'subdistrict' as level, subdistrict as unit
    from firms

    union all

    select uscc, 'park' as level, park as unit
    from firms

    union all

    select uscc, 'industry_section' as level, industry_section as unit
    from firms

    union all

    select uscc, 'size' as level, size as unit
    from firms
)

select
    scopes.uscc,
    scopes.scope,
    units.level,
    units.unit
from scopes
inner join units on units.uscc = scopes.uscc
