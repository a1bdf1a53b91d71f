-- Every self-report row up to the business date that finds its enterprise.
select
    named.uscc,
    sent.report_id,
    concat('self_reports/', cast(sent.delivered_for as text), '/', sent.delivery_name, '#', sent.row_number) as source,
    nullif(trim(sent.supersedes), '') as supersedes,
    sent.actual_resume_on,
    sent.staff_total,
    sent.staff_onsite,
    sent.staff_remote,
    sent.staff_in_key_region,
    sent.prevention_plan,
    sent.contact_phone_token,
    sent.submitted_at,
    sent.delivered_for,
    sent.published_at,
    sent.delivery_name,
    sent.row_number
from feed.self_reports as sent
inner join int_named_row as named
    on named.feed = 'self_reports'
    and named.delivery_id = sent.delivery_id
    and named.row_number = sent.row_number
where named.uscc is not null
