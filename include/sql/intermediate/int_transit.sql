-- One row per declaration whose route led through a region that was high on the day of arrival, within the window.
with stops as (
    select
        person_token,
        uscc,
        came_on,
        unnest(route_region_codes) as region_code
    from int_declaration
    where came_on >= :business_date - :transit_days
)

select distinct
    stops.person_token,
    stops.uscc
from stops
inner join int_region_level as level
    on level.region_code = stops.region_code
    and level.day = least(stops.came_on, :business_date)
where level.level = 'high'
