with marked as (
    select
        *,
        case
            when level = lag(level) over (partition by region_code order by day)
            and basis = lag(basis) over (partition by region_code order by day) then 0
            else 1
        end as starts
    from int_region_level
),

stretches as (
    select
        *,
        sum(starts) over (
            partition by region_code
            order by day
            rows between unbounded preceding and current row
        ) as stretch_no
    from marked
),

merged as (
    select
        region_code,
        stretch_no,
        min(day) as valid_from,
        max(day) as last_day,
        min(level) as level,
        min(basis) as basis
    from stretches
    group by region_code, stretch_no
)

select
    merged.region_code,
    merged.valid_from,
    :business_date as business_date,
    division.province,
    division.name,
    merged.level,
    case when merged.last_day < :business_date then merged.last_day end as valid_to,
    merged.basis
from merged
inner join reference.prefectures as division on division.code = merged.region_code
