-- One row per enterprise: what its row of the day was made from, for a person to look up. A row of the lake is
-- feed/business date/delivery#row, a row of a table table/business date/key; of check-ins the files are named alone.
with sources as (
    select
        uscc,
        source
    from int_registry

    union all

    select
        uscc,
        source
    from int_scope

    union all

    select
        uscc,
        source
    from int_report
    where to_day is null

    union all

    select
        uscc,
        source
    from int_application
    where to_day is null

    union all

    select
        meter.uscc,
        concat('enterprise_power_index/', cast(:business_date as text), '/', meter.account_no) as source
    from int_meter_account as meter
    inner join int_power_account as account on account.account_no = meter.account_no and account.is_recent
    where meter.relation = 'exclusive'
),

files as (
    -- Also of who did not check in: that it is in none of them is told by them.
    select array_agg(concat('checkins/', cast(business_date as text), '/', name)) as sources
    from ops.feed_delivery
    where feed = 'checkins' and business_date > :business_date - :evidence_days and business_date <= :business_date
),

of_firm as (
    select
        uscc,
        array_agg(distinct source) as sources
    from sources
    group by uscc
)

select
    of_firm.uscc,
    list_sort(case when files.sources is null then of_firm.sources else list_concat(of_firm.sources, files.sources) end)
        as inputs
from of_firm
cross join files
