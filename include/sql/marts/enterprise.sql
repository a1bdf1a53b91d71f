with versions as (
    select
        *,
        -- Membership is told for the last day of a version, of the current one for the business date.
        coalesce(valid_to, :business_date) as judged_on
    from int_registry_version
),

lists as (
    select distinct delivered_for
    from feed.statistical_scope
),

list_of_day as (
    select
        days.judged_on,
        max(lists.delivered_for) as delivered_for
    from (select distinct judged_on from versions) as days
    inner join lists on lists.delivered_for <= days.judged_on
    group by days.judged_on
),

membership as (
    select
        list_of_day.judged_on,
        int_scope_entry.uscc,
        int_scope_entry.scope_sector,
        int_scope_entry.above_scale,
        row_number() over (
            partition by list_of_day.judged_on, int_scope_entry.uscc
            order by int_scope_entry.published_at desc, int_scope_entry.delivery_name desc, int_scope_entry.row_number desc
        ) as recency
    from list_of_day
    inner join int_scope_entry
        on int_scope_entry.delivered_for = list_of_day.delivered_for
        and int_scope_entry.listed_month <= list_of_day.judged_on
)

select
    versions.uscc,
    versions.valid_from,
    versions.valid_to,
    :business_date as business_date,
    versions.name,
    versions.name_normalised,
    versions.entity_type,
    versions.status,
    versions.industry_section,
    versions.industry_division,
    versions.subdistrict_code,
    versions.park_code,
    versions.location_method,
    versions.address_community,
    membership.uscc is not null as in_scope,
    membership.scope_sector,
    membership.above_scale
from versions
left join membership
    on membership.uscc = versions.uscc
    and membership.judged_on = versions.judged_on
    and membership.recency = 1
