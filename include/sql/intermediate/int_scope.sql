-- One row per enterprise in the statistical scope at the business date.
with latest as (
    select
        *,
        row_number() over (
            partition by enterprise_uscc
            order by published_at desc, delivery_name desc, row_number desc
        ) as recency
    from stg_scope
    where
        enterprise_uscc is not null
        -- The list of a month replaces the one before it; an entry counts from its month on.
        and delivered_for = (select max(delivered_for) from stg_scope)
        and listed_month <= :business_date
)

select
    enterprise_uscc as uscc,
    scope_sector,
    above_scale
from latest
where recency = 1
