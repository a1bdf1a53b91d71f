-- Every application event up to the business date whose enterprise the registry knows.
select
    approvals.application_id,
    int_registry.uscc as enterprise_uscc,
    approvals.white_list,
    approvals.applied_at,
    approvals.planned_resume_on,
    approvals.event,
    approvals.event_at,
    approvals.delivered_for,
    approvals.delivery_name,
    approvals.published_at,
    approvals.row_number
from feed.approvals as approvals
inner join int_registry on int_registry.uscc = approvals.uscc
