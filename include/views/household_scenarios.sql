-- Homes by community and screening scenario. Counts of 1 to 4 are hidden; of a community never one scenario alone, and
-- of a scenario never one community alone. Totals are not published. A share is of all homes of the community, from 20 on.
--
-- business_date: Business date that the row speaks of.
-- community_code: Community.
-- scenario: Scenario of mart.household_power_screening.
-- homes: Homes. Unit: home.
-- share: Share of the community's homes. Unit: fraction.
-- suppressed: The figures are hidden.
with cells as (
    select
        business_date,
        community_code,
        scenario,
        count(*) as homes,
        sum(count(*)) over (partition by business_date, community_code) as community_homes
    from mart.household_power_screening
    group by business_date, community_code, scenario
),

in_scenarios as (
    select
        *,
        homes < 5
        or count(*) filter (where homes < 5) over (partition by business_date, scenario) = 1
        and row_number() over (
            partition by business_date, scenario, homes < 5
            order by homes, community_code
        ) = 1 as is_hidden
    from cells
),

in_communities as (
    select
        *,
        is_hidden
        or count(*) filter (where is_hidden) over (partition by business_date, community_code) = 1
        and row_number() over (
            partition by business_date, community_code, is_hidden
            order by homes, scenario
        ) = 1 as hidden
    from in_scenarios
)

select
    business_date,
    community_code,
    scenario,
    case when not hidden then homes end as homes,
    case when not hidden and community_homes >= 20 then homes / community_homes::double precision end as share,
    hidden as suppressed
from in_communities
