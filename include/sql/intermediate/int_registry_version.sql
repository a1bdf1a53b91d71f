-- One row per entity and version: a new version begins where a delivery shows another value in any column kept here.
with compared as (
    select
        *,
        lag(delivered_for) over entity as previous_on,
        lag(name) over entity as previous_name,
        lag(name_normalised) over entity as previous_name_normalised,
        lag(entity_type) over entity as previous_type,
        lag(status) over entity as previous_status,
        lag(industry_section) over entity as previous_section,
        lag(industry_division) over entity as previous_division,
        lag(subdistrict_code) over entity as previous_subdistrict,
        lag(park_code) over entity as previous_park,
        lag(location_method) over entity as previous_method,
        lag(address_community) over entity as previous_community
    from stg_registry
    window entity as (partition by uscc order by delivered_for)
),

begun as (
    select *
    from compared
    where
        previous_on is null
        or name is distinct from previous_name
        or name_normalised is distinct from previous_name_normalised
        or entity_type is distinct from previous_type
        or status is distinct from previous_status
        or industry_section is distinct from previous_section
        or industry_division is distinct from previous_division
        or subdistrict_code is distinct from previous_subdistrict
        or park_code is distinct from previous_park
        or location_method is distinct from previous_method
        or address_community is distinct from previous_community
)

select
    uscc,
    delivered_for as valid_from,
    lead(delivered_for) over (partition by uscc order by delivered_for) - 1 as valid_to,
    name,
    name_normalised,
    entity_type,
    status,
    industry_section,
    industry_division,
    subdistrict_code,
    park_code,
    location_method,
    address_community
from begun
