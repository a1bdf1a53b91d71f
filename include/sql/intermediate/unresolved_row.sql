-- Rows of all deliveries up to the business date that find no enterprise in its registry: for quarantine.
with unknown as (
    -- Few codes against hundreds of thousands of check-ins a day: looked for once each.
    select int_checkin_firm.uscc
    from int_checkin_firm
    left join int_registry on int_registry.uscc = int_checkin_firm.uscc
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
        'approvals' as feed,
        sent.delivery_id,
        sent.row_number,
        sent.uscc,
        cast(null as text) as name,
        case when sent.uscc is null then 'USCC_MISSING' else 'USCC_UNKNOWN' end as reason
    from feed.approvals as sent
    left join int_registry on int_registry.uscc = sent.uscc
    where int_registry.uscc is null

    union all

    select
        'checkins' as feed,
        sent.delivery_id,
        sent.row_number,
        sent.uscc,
        cast(null as text) as name,
        case when sent.uscc is null then 'USCC_MISSING' else 'USCC_UNKNOWN' end as reason
    from feed.checkins as sent
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
