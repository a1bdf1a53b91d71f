with stays as (
    select
        carrier,
        phone_token,
        region_code,
        visit_begin_at,
        visit_end_at,
        -- Before the first bulletin of city cases only the province named in the rule is a key region.
        case when substr(region_code, 1, 2) = :high_province then 'high' else 'low' end as key_level
    from int_carrier_stay
    where
        visit_end_at >= visit_begin_at + interval 1 hour * :min_stay_hours
        and dwell_hours is null
        or dwell_hours >= :min_stay_hours
),

exposed as (
    select
        *,
        max(visit_end_at) over (
            partition by phone_token
            order by visit_begin_at, visit_end_at
            rows between unbounded preceding and 1 preceding
        ) as latest_end_before
    from stays
    where key_level in ('high', 'medium')
),

episodes as (
    select
        *,
        sum(
            case
                when latest_end_before is null then 1
                when visit_begin_at > latest_end_before + interval 1 hour * :episode_gap_hours then 1
                else 0
            end
        ) over (
            partition by phone_token
            order by visit_begin_at, visit_end_at
            rows between unbounded preceding and current row
        ) as episode_no
    from exposed
),

merged as (
    select
        phone_token,
        episode_no,
        list_sort(array_agg(distinct region_code)) as origins,
        list_sort(array_agg(distinct carrier)) as carriers,
        count(distinct carrier) as n_sources,
        max(case when key_level = 'high' then 1 else 0 end) as is_high,
        cast(max(visit_end_at) as date) as last_exposure_on
    from episodes
    group by phone_token, episode_no
)

select
    phone_token as person_token,
    episode_no,
    :business_date as business_date,
    origins,
    case when is_high = 1 then 'high' else 'medium' end as key_level,
    last_exposure_on,
    last_exposure_on + :screening_days as window_end,
    carriers,
    n_sources,
    -- No feed of today says who is on a roster, or which home a phone belongs to.
    false as in_roster,
    cast(null as text) as uscc,
    cast(null as text) as household_scenario,
    case when :business_date <= last_exposure_on + :screening_days then 'open' else 'closed' end as state
from merged
