-- One row per enterprise in the statistical scope at the business date.
with latest as (
    select
        *,
        row_number() over (
            partition by uscc
            order by published_at desc, delivery_name desc, row_number desc
        ) as recency
    from int_scope_entry
    where
        -- The list of a month replaces the one before it; an entry counts from its month on.
        delivered_for = (select max(delivered_for) from feed.statistical_scope)
        and listed_month <= :business_date
)

select
    uscc,
    source,
    scope_sector,
    above_scale
from latest
where recency = 1
