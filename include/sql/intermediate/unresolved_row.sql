-- Rows of the day's own deliveries that find no enterprise in the registry at the business date: for quarantine.
with rows_refused as (
    select
        'statistical_scope' as feed,
        delivery_id,
        row_number,
        unresolved_reason as reason
    from stg_scope
    where delivered_for = :business_date and unresolved_reason is not null

    union all

    select
        'self_reports' as feed,
        delivery_id,
        row_number,
        unresolved_reason as reason
    from stg_self_report
    where delivered_for = :business_date and unresolved_reason is not null

    union all

    select
        'meter_accounts' as feed,
        delivery_id,
        row_number,
        unresolved_reason as reason
    from stg_meter_account
    where delivered_for = :business_date and unresolved_reason is not null

    union all

    select
        'approvals' as feed,
        sent.delivery_id,
        sent.row_number,
        case when sent.uscc is null then 'USCC_MISSING' else 'USCC_UNKNOWN' end as reason
    from feed.approvals as sent
    left join int_registry on int_registry.uscc = sent.uscc
    where sent.delivered_for = :business_date and int_registry.uscc is null

    union all

    select
        'checkins' as feed,
        sent.delivery_id,
        sent.row_number,
        case when sent.uscc is null then 'USCC_MISSING' else 'USCC_UNKNOWN' end as reason
    from feed.checkins as sent
    left join int_registry on int_registry.uscc = sent.uscc
    where sent.delivered_for = :business_date and int_registry.uscc is null
)

select
    feed,
    delivery_id,
    row_number,
    [reason] as reasons
from rows_refused
