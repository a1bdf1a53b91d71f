-- One row per region and day, from the first day that rules look back to: the level that counts on that day.
with days as (
    select day
    from reference.calendar
    where day between :region_levels_from and :business_date
),

residents as (
    select
        prefecture_code as region_code,
        cast(residents as bigint) as residents
    from reference.city_population
),

bulletins as (
    -- A bulletin speaks until the next one of the same place.
    select
        region_code,
        reported_on,
        lead(reported_on) over (partition by region_code order by reported_on) as next_reported_on,
        confirmed
    from int_city_day
),

raw as (
    select
        days.day,
        division.code as region_code,
        residents.residents,
        case
            when substr(division.code, 1, 2) = :high_province then 3
            when bulletins.confirmed * 100000 >= :high_cases_per_100000 * residents.residents then 3
            when bulletins.confirmed * 100000 >= :medium_cases_per_100000 * residents.residents then 2
            else 1
        end as level_no
    from days
    cross join reference.prefectures as division
    left join residents on residents.region_code = division.code
    left join bulletins
        on bulletins.region_code = division.code
        and bulletins.reported_on <= days.day
        and (bulletins.next_reported_on is null or bulletins.next_reported_on > days.day)
    where
        division.code <> :own_region
        and (division.valid_from is null or cast(division.valid_from as date) <= days.day)
        and (division.valid_to is null or cast(division.valid_to as date) >= days.day)
),

held as (
    -- A level falls only when it has not been reached for as many days.
    select
        day,
        region_code,
        residents,
        max(level_no) over (
            partition by region_code
            order by day
            rows between :level_hold_days preceding and current row
        ) as level_no
    from raw
)

select
    held.day,
    held.region_code,
    coalesce(manual.level, case held.level_no when 3 then 'high' when 2 then 'medium' else 'low' end) as level,
    case
        when manual.level is not null then 'manual'
        when substr(held.region_code, 1, 2) = :high_province then 'province'
        when held.residents is null then 'residents_unknown'
        else 'cases'
    end as basis
from held
left join reference.key_region_override as manual
    on manual.region_code = held.region_code
    and held.day >= cast(manual.since as date)
    and (manual.until is null or held.day <= cast(manual.until as date))
