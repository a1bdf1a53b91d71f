-- Rows of all deliveries up to the business date that find no enterprise in its registry: for quarantine.
with coded as (
    -- Feeds that name an enterprise by its code alone.
    select
        'approvals' as feed,
        delivery_id,
        row_number,
        uscc
    from feed.approvals

    union all

    select
        'checkins' as feed,
        delivery_id,
        row_number,
        uscc
    from feed.checkins

    union all

    select
        'health_declarations' as feed,
        delivery_id,
        row_number,
        uscc
    from feed.health_declarations
),

unknown as (
    -- Few codes against hundreds of thousands of rows a day: looked for once each.
    select codes.uscc
    from (select distinct uscc from coded where uscc is not null) as codes
    left join int_registry on int_registry.uscc = codes.uscc
    where int_registry.uscc is null
),

rows_refused as (
    select
        feed,
        delivery_id,
        row_number,
        uscc_sent as uscc,
        name_sent as name,
        unresolved_reason as reason
    from int_named_row
    where unresolved_reason is not null

    union all

    select
        sent.feed,
        sent.delivery_id,
        sent.row_number,
        sent.uscc,
        cast(null as text) as name,
        case when sent.uscc is null then 'USCC_MISSING' else 'USCC_UNKNOWN' end as reason
    from coded as sent
    left join unknown on unknown.uscc = sent.uscc
    where sent.uscc is null or unknown.uscc is not null
)

select
    feed,
    delivery_id,
    row_number,
    uscc,
    name,
    [reason] as reasons
from rows_refused
