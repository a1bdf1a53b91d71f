with coded as (
    select
        'approvals' as feed,
        uscc
    from feed.approvals

    union

    select
        'checkins' as feed,
        uscc
    from int_checkin_firm

    union

    select
        'health_declarations' as feed,
        uscc
    from feed.health_declarations
),

found as (
    select
        feed,
        coalesce(uscc_sent, name_sent) as source_key,
        uscc,
        found_by as method
    from int_named_row
    where uscc is not null

    union all

    select
        coded.feed,
        coded.uscc as source_key,
        coded.uscc,
        'uscc' as method
    from coded
    inner join int_registry as firm on firm.uscc = coded.uscc

    union all

    select
        'enterprise_power' as feed,
        account_no as source_key,
        uscc,
        'account_map' as method
    from int_meter_account
    where uscc is not null
),

ranked as (
    select
        *,
        row_number() over (
            partition by feed, source_key
            -- The surest method first.
            order by case method when 'manual' then 0 when 'uscc' then 1 when 'account_map' then 1 when 'uscc_repaired' then 2 else 3 end, uscc
        ) as place
    from found
)

select
    feed,
    source_key,
    :business_date as business_date,
    uscc,
    method,
    case method
        when 'uscc_repaired' then cast(:repaired_code_score as double)
        when 'unique_name' then cast(:unique_name_score as double)
        else 1.0
    end as score
from ranked
where place = 1
