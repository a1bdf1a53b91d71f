-- One row per application and stretch of days [from_day, to_day) with its latest event in that stretch.
with days as (
    select
        application_id,
        delivered_for as from_day,
        lead(delivered_for) over (partition by application_id order by delivered_for) as to_day
    from (select distinct application_id, delivered_for from stg_approval) as arrivals
),

ranked as (
    select
        days.from_day,
        days.to_day,
        stg_approval.*,
        row_number() over (
            partition by days.application_id, days.from_day
            order by
                stg_approval.event_at desc,
                stg_approval.published_at desc,
                stg_approval.delivery_name desc,
                stg_approval.row_number desc
        ) as recency
    from days
    inner join stg_approval
        on stg_approval.application_id = days.application_id
        and stg_approval.delivered_for <= days.from_day
)

select
    application_id,
    enterprise_uscc as uscc,
    from_day,
    to_day,
    event,
    planned_resume_on,
    applied_at,
    -- A returned or withdrawn application exempts nobody.
    white_list and event not in ('退回', '撤销') as is_white_listed
from ranked
where recency = 1
