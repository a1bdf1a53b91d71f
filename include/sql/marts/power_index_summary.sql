with accounts as (
    select
        account.account_no,
        account.resumed,
        account.baseline_kwh,
        -- No imputation: a resumed account without a valid reading of the day adds nothing.
        case when account.resumed and account.quality = 'ok' then account.kwh end as kwh_resumed,
        coalesce(firm.subdistrict_code, 'unallocated') as subdistrict,
        coalesce(firm.park_code, 'unallocated') as park,
        coalesce(firm.industry_section, 'unallocated') as industry_section
    from int_power_account as account
    left join int_meter_account as meter on meter.account_no = account.account_no
    left join int_registry as firm on firm.uscc = meter.uscc
    where account.baseline_days is not null and account.is_recent
),

by_level as (
    select 'district' as level, :district_code as unit, *
    from accounts

    union all

    select 'subdistrict' as level, subdistrict as unit, *
    from accounts

    union all

    select 'park' as level, park as unit, *
    from accounts

    union all

    select 'industry_section' as level, industry_section as unit, *
    from accounts
),

totals as (
    select
        level,
        unit,
        count(*) as n,
        count(case when resumed then 1 end) as n_resumed,
        coalesce(sum(kwh_resumed), 0) as kwh_resumed,
        max(kwh_resumed) as largest_kwh,
        cast(sum(baseline_kwh) as double) as baseline_kwh
    from by_level
    group by level, unit
),

-- Coverage: of the active enterprises in scope, those that an exclusive account with a baseline speaks for.
covered as (
    select
        int_scope_unit.level,
        int_scope_unit.unit,
        count(*) as firms,
        count(case when int_firm_power.has_baseline then 1 end) as firms_metered
    from int_scope_unit
    left join int_firm_power on int_firm_power.uscc = int_scope_unit.uscc
    where int_scope_unit.scope = 'statistical'
    group by int_scope_unit.level, int_scope_unit.unit
)

select
    :business_date as business_date,
    totals.level,
    totals.unit,
    100 * (
        :weight_accounts * cast(totals.n_resumed as double) / totals.n
        + :weight_kwh * cast(totals.kwh_resumed as double) / totals.baseline_kwh
    ) as index,
    totals.n,
    totals.n_resumed,
    totals.kwh_resumed,
    totals.baseline_kwh,
    case
        when totals.kwh_resumed > 0 then cast(totals.largest_kwh as double) / cast(totals.kwh_resumed as double)
    end as largest_share,
    coalesce(
        totals.kwh_resumed > 0
        and cast(totals.largest_kwh as double) / cast(totals.kwh_resumed as double) > :dominated_above,
        false
    ) as dominated,
    cast(covered.firms_metered as double) / covered.firms as coverage
from totals
left join covered on covered.level = totals.level and covered.unit = totals.unit
