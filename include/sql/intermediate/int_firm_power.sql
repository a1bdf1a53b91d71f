-- One row per enterprise with an exclusive account at the business date: E3 and its power index.
select
    meter.uscc,
    -- True if any account with a baseline is resumed, false if all of them are judged and none is, else unknown.
    case
        when max(case when account.baseline_days is not null and account.resumed then 1 else 0 end) = 1 then true
        when
            count(account.baseline_days) > 0
            and count(account.baseline_days) = count(case when account.baseline_days is not null then account.resumed end)
            then false
    end as power_resumed,
    max(case when account.baseline_days is not null and account.is_recent then 1 else 0 end) = 1 as has_baseline,
    case
        when count(case when account.quality = 'ok' then 1 end) > 0
            then 100 * least(
                cast(sum(case when account.quality = 'ok' then account.kwh end) as double)
                / cast(sum(case when account.quality = 'ok' then account.baseline_kwh end) as double),
                cast(:ratio_cap as double)
            )
    end as power_index
from int_meter_account as meter
left join int_power_account as account on account.account_no = meter.account_no
where meter.relation = 'exclusive'
group by meter.uscc
