-- One row per active entity that the registry's latest full snapshot leaves out; it keeps its last state all the same.
with snapshot as (
    select max(delivered_for) as delivered_for
    from feed.market_registry
    where delivery_name = 'entities'
),

latest as (
    select
        uscc,
        max(delivered_for) as delivered_for
    from feed.market_registry
    group by uscc
)

select latest.uscc
from latest
inner join snapshot on latest.delivered_for < snapshot.delivered_for
inner join int_registry on int_registry.uscc = latest.uscc and int_registry.is_active
