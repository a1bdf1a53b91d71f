-- One row per entity and business date of a registry delivery: the state that the delivery shows.
with delivered as (
    select
        uscc,
        name,
        name_normalised,
        entity_type,
        status,
        changed_on,
        delivered_for,
        concat('market_registry/', cast(delivered_for as text), '/', delivery_name, '#', row_number) as source,
        address_community,
        contact_phone_token,
        nullif(trim(park_code), '') as park_code,
        nullif(trim(subdistrict), '') as subdistrict,
        address_subdistrict,
        case when regexp_matches(industry_code, '^[A-T]') then substr(industry_code, 1, 1) end as industry_section,
        case when regexp_matches(industry_code, '^[A-T][0-9][0-9]') then substr(industry_code, 2, 2) end
            as sent_division,
        -- Two rows for one entity and day: the later delivery holds, then the later row.
        row_number() over (
            partition by uscc, delivered_for
            order by published_at desc, delivery_name desc, row_number desc
        ) as recency
    from feed.market_registry
),

located as (
    select
        delivered.*,
        sent.subdistrict_code as sent_code,
        address.subdistrict_code as address_code,
        industries.division as industry_division
    from delivered
    left join reference.subdistricts as sent
        on sent.name = delivered.subdistrict
        and (sent.valid_from is null or cast(sent.valid_from as date) <= delivered.delivered_for)
        and (sent.valid_to is null or cast(sent.valid_to as date) >= delivered.delivered_for)
    left join reference.subdistricts as address
        on address.name = delivered.address_subdistrict
        and (address.valid_from is null or cast(address.valid_from as date) <= delivered.delivered_for)
        and (address.valid_to is null or cast(address.valid_to as date) >= delivered.delivered_for)
    -- A division that the classification does not have in this section is none.
    left join reference.industries as industries
        on industries.section = delivered.industry_section
        and industries.division = delivered.sent_division
    where delivered.recency = 1
)

select
    uscc,
    delivered_for,
    source,
    name,
    name_normalised,
    entity_type,
    status,
    changed_on,
    industry_section,
    industry_division,
    coalesce(sent_code, address_code) as subdistrict_code,
    park_code,
    case
        when sent_code is not null then 'feed'
        when address_code is not null then 'address'
        when park_code is not null then 'park'
        else 'unallocated'
    end as location_method,
    address_community,
    contact_phone_token
from located
