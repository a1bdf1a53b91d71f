-- One row per household meter that ever sent a reading, with a number that stands for its token in the larger steps.
with meters as (
    select
        meter_token,
        -- The community of the latest reading that names one.
        max_by(community_code, reading_on) as community_code
    from feed.household_power
    where reading_on <= :business_date
    group by meter_token
)

select
    meter_token,
    community_code,
    row_number() over (order by meter_token) as meter_no
from meters
