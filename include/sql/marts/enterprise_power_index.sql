select
    account.account_no,
    :business_date as business_date,
    account.kwh,
    cast(account.baseline_kwh as double) as baseline_kwh,
    account.ratio,
    case when account.ratio is not null then 100 * least(account.ratio, cast(:ratio_cap as double)) end as index,
    account.resumed_raw,
    account.resumed,
    meter.relation,
    meter.uscc,
    account.quality
from int_power_account as account
left join int_meter_account as meter on meter.account_no = account.account_no
-- An account that was not read for longer than a reading counts is no account of this day.
where account.is_recent
