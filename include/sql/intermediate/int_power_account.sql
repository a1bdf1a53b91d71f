-- One row per account ever read, up to the business date: its baseline, its reading of the day, whether it resumed.
with judged as (
    select
        day.account_no,
        day.reading_on,
        day.kwh,
        case
            when day.mark = 'ok' and baseline.account_no is null then 'no_baseline'
            -- Far above anything the account used before: a wrong multiplier in the meter rather than in the file.
            when
                day.mark = 'ok'
                and day.kwh * baseline.baseline_days > :multiplier_excess * baseline.baseline_total_kwh
                then 'multiplier'
            else day.mark
        end as quality,
        -- Σ kWh · days / Σ baseline kWh: one division, so that 0.30 of a baseline is 0.30.
        cast(day.kwh * baseline.baseline_days as double) / cast(baseline.baseline_total_kwh as double) as ratio
    from int_power_day as day
    left join int_power_baseline as baseline on baseline.account_no = day.account_no
    where day.reading_on >= :business_date - :reading_max_age_days
),

valid as (
    select
        account_no,
        reading_on,
        -- Rounded far below any reading's precision, so that equality does not hang on the last binary digit.
        round(ratio, 12) >= :resumed_ratio as resumed_raw,
        row_number() over (partition by account_no order by reading_on desc) as recency
    from judged
    where quality = 'ok'
),

resumed as (
    select
        account_no,
        case
            when count(*) >= :resumed_min_days
                then sum(case when resumed_raw then 1 else 0 end) >= :resumed_min_days
        end as resumed,
        max(case when reading_on = :business_date and resumed_raw then 1 else 0 end) = 1 as resumed_raw
    from valid
    where recency <= :resumed_of_days
    group by account_no
),

accounts as (
    select
        account_no,
        max(reading_on) as last_read_on
    from int_power_day
    group by account_no
)

select
    accounts.account_no,
    accounts.last_read_on,
    today.kwh,
    baseline.baseline_days,
    baseline.baseline_total_kwh,
    -- Ten decimals: sums of baselines are exact and the same in every order of adding.
    cast(cast(baseline.baseline_total_kwh as double) / baseline.baseline_days as decimal(28, 10)) as baseline_kwh,
    case when today.quality = 'ok' then today.ratio end as ratio,
    case when today.quality = 'ok' then resumed.resumed_raw end as resumed_raw,
    resumed.resumed,
    coalesce(today.quality, 'missing') as quality,
    accounts.last_read_on >= :business_date - :reading_max_age_days as is_recent
from accounts
left join int_power_baseline as baseline on baseline.account_no = accounts.account_no
left join judged as today on today.account_no = accounts.account_no and today.reading_on = :business_date
left join resumed on resumed.account_no = accounts.account_no
