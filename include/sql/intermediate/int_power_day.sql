-- One row per account and day of reading: kWh over its metering points and the worst mark that a point bears.
with usual as (
    -- The point's usual multiplier: the most frequent one in the baseline window; of two as frequent, the smaller.
    select
        account_no,
        point_no,
        multiplier,
        row_number() over (partition by account_no, point_no order by count(*) desc, multiplier) as place
    from stg_power_reading
    inner join int_baseline_day as baseline_day on baseline_day.day = stg_power_reading.reading_on
    where multiplier is not null
    group by account_no, point_no, multiplier
),

marked as (
    select
        reading.account_no,
        reading.reading_on,
        cast(reading.energy as decimal(24, 4)) * cast(reading.multiplier as decimal(14, 4)) as kwh,
        reading.read_status = '缺失' or reading.energy is null or reading.multiplier is null as is_missing,
        reading.energy < 0 as is_negative,
        reading.read_status = '补采' as is_catch_up,
        reading.read_status = '正常' and reading.energy = 0 as is_zero,
        reading.multiplier = usual.multiplier * :multiplier_error
        or reading.multiplier * :multiplier_error = usual.multiplier as is_multiplier
    from stg_power_reading as reading
    left join usual
        on usual.account_no = reading.account_no
        and usual.point_no = reading.point_no
        and usual.place = 1
)

select
    account_no,
    reading_on,
    -- Without one of its points an account's sum would say too little.
    case when max(case when is_missing then 1 else 0 end) = 0 then sum(kwh) end as kwh,
    case
        when max(case when is_missing then 1 else 0 end) = 1 then 'missing'
        when max(case when is_negative then 1 else 0 end) = 1 then 'negative'
        when max(case when is_catch_up then 1 else 0 end) = 1 then 'catch_up'
        when max(case when is_zero then 1 else 0 end) = 1 then 'zero_filled'
        when max(case when is_multiplier then 1 else 0 end) = 1 then 'multiplier'
        else 'ok'
    end as mark
from marked
group by account_no, reading_on
