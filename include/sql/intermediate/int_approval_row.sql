-- Every application event up to the business date whose enterprise the registry knows.
select
    sent.application_id,
    concat('approvals/', cast(sent.delivered_for as text), '/', sent.delivery_name, '#', sent.row_number) as source,
    int_registry.uscc,
    sent.white_list,
    sent.applied_at,
    sent.planned_resume_on,
    sent.event,
    sent.event_at,
    sent.delivered_for,
    sent.published_at,
    sent.delivery_name,
    sent.row_number
from feed.approvals as sent
inner join int_registry on int_registry.uscc = sent.uscc
