-- One row per registered household or person that is under observation at the business date, by each community's latest
-- list. A community whose latest list is empty of open rows has none.
with files as (
    select
        delivery_id,
        business_date,
        -- {community_code}.xlsx; a further part of a list bears a number behind the code.
        split_part(split_part(name, '.', 1), '_', 1) as community_code
    from ops.feed_delivery
    where feed = 'quarantine_register'
),

latest as (
    select
        community_code,
        max(business_date) as business_date
    from files
    group by community_code
)

select
    files.community_code,
    row.meter_token,
    row.phone_token,
    row.valid_from,
    row.valid_to
from feed.quarantine_register as row
inner join files on files.delivery_id = row.delivery_id
inner join latest
    on latest.community_code = files.community_code
    and latest.business_date = files.business_date
where
    row.valid_from <= :business_date
    and (row.valid_to is null or row.valid_to >= :business_date)
