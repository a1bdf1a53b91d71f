-- One row per person and chain of stays in key regions, the last exposure and the regions with it.
with stays as (
    select
        stay.carrier,
        stay.person_token,
        stay.region_code,
        stay.visit_begin_at,
        stay.visit_end_at,
        coalesce(level.level, case when substr(stay.region_code, 1, 2) = :high_province then 'high' else 'low' end)
            as key_level
    from stg_carrier_stay as stay
    -- The level of the stay's last day; of a stay that ends after the business date, that day's.
    left join int_region_level as level
        on level.region_code = stay.region_code
        and level.day = least(cast(stay.visit_end_at as date), :business_date)
    where coalesce(stay.stay_hours, :min_stay_hours) >= :min_stay_hours
),

exposed as (
    select
        *,
        max(visit_end_at) over (
            partition by person_token
            order by visit_begin_at, visit_end_at
            rows between unbounded preceding and 1 preceding
        ) as latest_end_before
    from stays
    where key_level in ('high', 'medium')
),

numbered as (
    select
        *,
        sum(
            case
                when latest_end_before is null then 1
                when visit_begin_at > latest_end_before + interval 1 hour * :episode_gap_hours then 1
                else 0
            end
        ) over (
            partition by person_token
            order by visit_begin_at, visit_end_at
            rows between unbounded preceding and current row
        ) as episode_no
    from exposed
)

select
    person_token,
    episode_no,
    list_sort(array_agg(distinct region_code)) as origins,
    list_sort(array_agg(distinct carrier)) as carriers,
    count(distinct carrier) as n_sources,
    max(case when key_level = 'high' then 1 else 0 end) = 1 as is_high,
    cast(max(visit_end_at) as date) as last_exposure_on
from numbered
group by person_token, episode_no
