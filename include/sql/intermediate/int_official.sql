-- One row per enterprise that reported or applied: what the feeds say officially at the business date, and since when.
with permission as (
    select
        uscc,
        max(case when basis = 'approved' then 1 else 0 end) = 1 as approved,
        max(case when basis = 'white_listed' then 1 else 0 end) = 1 as white_listed
    from int_permission
    where from_day <= :business_date and to_day is null
    group by uscc
),

-- E1 through the days: somebody on site, from the day that the report names on.
onsite as (
    select
        uscc,
        greatest(from_day, actual_resume_on) as from_day,
        to_day
    from int_report
    where actual_resume_on is not null and staff_onsite > 0
),

-- The first day on which a stretch of E1 and a stretch of permission meet.
first_resumed as (
    select
        onsite.uscc,
        min(greatest(onsite.from_day, int_permission.from_day)) as first_resumed_on
    from onsite
    inner join int_permission on int_permission.uscc = onsite.uscc
    where
        onsite.from_day <= :business_date
        and int_permission.from_day <= :business_date
        and (onsite.to_day is null or greatest(onsite.from_day, int_permission.from_day) < onsite.to_day)
        and (int_permission.to_day is null or greatest(onsite.from_day, int_permission.from_day) < int_permission.to_day)
    group by onsite.uscc
),

application as (
    select
        *,
        row_number() over (partition by uscc order by applied_at desc, application_id desc) as recency
    from int_application
    where to_day is null
),

report as (
    select *
    from int_report
    where to_day is null
),

parties as (
    select uscc
    from int_report_row
    union
    select uscc
    from int_application
)

select
    parties.uscc,
    report.report_id is not null as has_report,
    coalesce(report.actual_resume_on <= :business_date and report.staff_onsite > 0, false) as self_reported,
    coalesce(permission.approved, false) as approved,
    coalesce(permission.white_listed, false) as white_listed,
    coalesce(
        report.actual_resume_on <= :business_date
        and report.staff_onsite > 0
        and (permission.approved or permission.white_listed),
        false
    ) as official_resumed,
    first_resumed.first_resumed_on,
    report.submitted_at,
    report.staff_total,
    report.staff_onsite,
    report.staff_remote,
    report.staff_in_key_region,
    application.event as application_event,
    application.applied_at,
    application.planned_resume_on
from parties
left join report on report.uscc = parties.uscc
left join permission on permission.uscc = parties.uscc
left join first_resumed on first_resumed.uscc = parties.uscc
left join application on application.uscc = parties.uscc and application.recency = 1
