-- Every row of every scope list up to the business date, with the enterprise it means or why none was found.
with rows_sent as (
    select
        uscc,
        uscc_candidate,
        name,
        nullif(trim(name_normalised), '') as name_sent,
        sector,
        above_scale,
        listed_month,
        delivered_for,
        delivery_id,
        delivery_name,
        published_at,
        row_number
    from feed.statistical_scope
)

select
    rows_sent.delivered_for,
    rows_sent.delivery_id,
    rows_sent.delivery_name,
    rows_sent.published_at,
    rows_sent.row_number,
    coalesce(rows_sent.uscc, rows_sent.uscc_candidate) as uscc_sent,
    rows_sent.name as name_as_sent,
    case rows_sent.sector
        when '工业' then 'industry'
        when '服务业' then 'services'
        when '批发零售' then 'wholesale_retail'
        when '住宿餐饮' then 'hotel_catering'
        when '建筑业' then 'construction'
        when '房地产' then 'real_estate'
        when '其他' then 'other'
    end as scope_sector,
    rows_sent.above_scale,
    rows_sent.listed_month,
    case
        when rows_sent.uscc is not null then by_code.uscc
        when repaired.uscc is not null then repaired.uscc
        else by_name.uscc
    end as enterprise_uscc,
    case
        when by_code.uscc is not null or repaired.uscc is not null then null
        when rows_sent.uscc is not null then 'USCC_UNKNOWN'
        when by_name.uscc is not null then null
        when rows_sent.uscc_candidate is not null then 'USCC_UNKNOWN'
        when rows_sent.name_sent is null then 'USCC_MISSING'
        when by_name.name_normalised is not null then 'NAME_AMBIGUOUS'
        else 'NAME_UNKNOWN'
    end as unresolved_reason
from rows_sent
left join int_registry as by_code on by_code.uscc = rows_sent.uscc
-- A code repaired from O and I counts only where the registry knows it under the same name.
left join int_registry as repaired
    on rows_sent.uscc is null
    and repaired.uscc = rows_sent.uscc_candidate
    and repaired.name_normalised = rows_sent.name_sent
-- A name speaks only where there is no valid code, and only if exactly one active entity bears it.
left join int_registry_name as by_name on rows_sent.uscc is null and by_name.name_normalised = rows_sent.name_sent
