-- Every row of every scope list up to the business date that finds its enterprise.
select
    named.uscc,
    concat('statistical_scope/', cast(sent.delivered_for as text), '/', sent.delivery_name, '#', sent.row_number)
        as source,
    case sent.sector
        when '工业' then 'industry'
        when '服务业' then 'services'
        when '批发零售' then 'wholesale_retail'
        when '住宿餐饮' then 'hotel_catering'
        when '建筑业' then 'construction'
        when '房地产' then 'real_estate'
        when '其他' then 'other'
    end as scope_sector,
    sent.above_scale,
    sent.listed_month,
    sent.delivered_for,
    sent.published_at,
    sent.delivery_name,
    sent.row_number
from feed.statistical_scope as sent
inner join int_named_row as named
    on named.feed = 'statistical_scope'
    and named.delivery_id = sent.delivery_id
    and named.row_number = sent.row_number
where named.uscc is not null
