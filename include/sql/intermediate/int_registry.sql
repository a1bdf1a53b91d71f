-- One row per entity: its state at the business date. An entity that a later snapshot leaves out keeps its last state.
with latest as (
    select
        *,
        row_number() over (partition by uscc order by delivered_for desc) as recency
    from stg_registry
)

select
    uscc,
    source,
    name,
    name_normalised,
    status,
    -- A closure may be announced ahead: until its date the entity is active.
    status = :active_status or coalesce(changed_on > :business_date, false) as is_active,
    industry_section,
    subdistrict_code,
    park_code
from latest
where recency = 1
