-- Episodes of people who came from key regions, by state, level and week of the last exposure, as of the latest built
-- day. Counts of 1 to 4 are hidden; of a state and level never one week alone.
--
-- business_date: Business date whose state the row shows.
-- state: open (within 14 days of the last exposure) or closed.
-- key_level: high or medium.
-- week: Monday of the week of the last exposure.
-- episodes: Episodes. Unit: episode.
-- suppressed: The count is hidden.
with cells as (
    select
        business_date,
        state,
        key_level,
        date_trunc('week', last_exposure_on)::date as week,
        count(*) as episodes
    from mart.returnee_screening
    group by 1, 2, 3, 4
),

neighbours as (
    select
        *,
        count(*) filter (where episodes < 5) over (partition by business_date, state, key_level) as small_cells,
        row_number() over (
            partition by business_date, state, key_level, episodes < 5
            order by episodes, week
        ) as place
    from cells
),

verdicts as (
    select
        *,
        episodes < 5 or (small_cells = 1 and place = 1) as hidden
    from neighbours
)

select
    business_date,
    state,
    key_level,
    week,
    case when not hidden then episodes end as episodes,
    hidden as suppressed
from verdicts
