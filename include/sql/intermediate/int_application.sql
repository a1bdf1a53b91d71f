-- One row per application and stretch of days [from_day, to_day) with its latest event in that stretch.
with days as (
    select
        application_id,
        delivered_for as from_day,
        lead(delivered_for) over (partition by application_id order by delivered_for) as to_day
    from (select distinct application_id, delivered_for from int_approval_row) as arrivals
),

ranked as (
    select
        days.from_day,
        days.to_day,
        int_approval_row.*,
        row_number() over (
            partition by days.application_id, days.from_day
            order by
                int_approval_row.event_at desc,
                int_approval_row.published_at desc,
                int_approval_row.delivery_name desc,
                int_approval_row.row_number desc
        ) as recency
    from days
    inner join int_approval_row
        on int_approval_row.application_id = days.application_id
        and int_approval_row.delivered_for <= days.from_day
)

select
    application_id,
    uscc,
    source,
    from_day,
    to_day,
    event,
    planned_resume_on,
    applied_at,
    -- A returned or withdrawn application exempts nobody.
    white_list and event not in ('退回', '撤销') as is_white_listed
from ranked
where recency = 1
