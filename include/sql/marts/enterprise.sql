with versions as (
    select
        *,
        -- Membership is told for the last day of a version, of the current one for the business date.
        coalesce(valid_to, :business_date) as judged_on
    from int_registry_version
),

lists as (
    select distinct delivered_for
    from stg_scope
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
        stg_scope.enterprise_uscc as uscc,
        stg_scope.scope_sector,
        stg_scope.above_scale,
        row_number() over (
            partition by list_of_day.judged_on, stg_scope.enterprise_uscc
            order by stg_scope.published_at desc, stg_scope.delivery_name desc, stg_scope.row_number desc
        ) as recency
    from list_of_day
    inner join stg_scope
        on stg_scope.delivered_for = list_of_day.delivered_for
        and stg_scope.listed_month <= list_of_day.judged_on
    where stg_scope.enterprise_uscc is not null
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
