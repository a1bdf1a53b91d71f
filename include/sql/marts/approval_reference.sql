with open_application as (
    select
        application_id,
        uscc,
        applied_at,
        planned_resume_on,
        date_diff('day', cast(applied_at as date), planned_resume_on) as days_ahead
    from int_application
    -- Neither decided nor withdrawn at the business date.
    where to_day is null and event = '申请'
),

roster as (
    select
        uscc,
        count(*) as roster_size,
        count(case when decision = 'ok' then 1 end) as roster_ok,
        count(case when decision = 'do_not_admit' then 1 end) as roster_do_not_admit
    from employee_screening
    group by uscc
),

facts as (
    select
        application.application_id,
        application.uscc,
        application.applied_at,
        application.planned_resume_on,
        application.days_ahead,
        firm.status = 'closed' as is_closed,
        firm.self_reported,
        firm.approved,
        firm.white_listed,
        firm.power_resumed,
        firm.people_onsite,
        firm.staff_total,
        firm.staff_onsite,
        firm.staff_in_key_region,
        list_contains(firm.conflict_codes, 'UNAPPROVED_RESUMPTION') as works_unapproved,
        list_contains(firm.conflict_codes, 'STAFF_EXCEEDS_TOTAL') as staff_exceeds_total,
        report.prevention_plan,
        coalesce(roster.roster_size, 0) as roster_size,
        coalesce(roster.roster_ok, 0) as roster_ok,
        cast(roster.roster_ok as double) / roster.roster_size as roster_ok_share,
        coalesce(roster.roster_do_not_admit, 0) as roster_do_not_admit
    from open_application as application
    inner join enterprise_resumption as firm on firm.uscc = application.uscc
    left join int_report as report on report.uscc = application.uscc and report.to_day is null
    left join roster on roster.uscc = application.uscc
),

judged as (
    select
        *,
        list_sort(
            list_filter(
                [
                    case when is_closed then 'closed' end,
                    case when works_unapproved then 'works_unapproved' end,
                    case when roster_do_not_admit > 0 then 'person_not_to_admit' end
                ],
                reason -> reason is not null
            )
        ) as holds,
        list_sort(
            list_filter(
                [
                    case when staff_total is null then 'no_report' end,
                    case when staff_total is not null and not coalesce(prevention_plan, false)
                        then 'no_prevention_plan' end,
                    case when staff_in_key_region > 0 then 'staff_in_key_region' end,
                    case when staff_exceeds_total then 'staff_exceeds_total' end,
                    case when planned_resume_on is null then 'no_planned_date' end,
                    case when not white_listed and days_ahead < :notice_days then 'short_notice' end,
                    case when roster_size = 0 then 'no_roster' end,
                    case when roster_ok_share < :roster_ok_from then 'roster_not_ok' end
                ],
                reason -> reason is not null
            )
        ) as doubts
    from facts
)

select
    judged.application_id,
    :business_date as business_date,
    judged.uscc,
    applied_at,
    planned_resume_on,
    days_ahead,
    self_reported,
    approved,
    white_listed,
    power_resumed,
    people_onsite,
    staff_total,
    staff_in_key_region,
    prevention_plan,
    roster_size,
    roster_ok_share,
    case
        when len(holds) > 0 then 'hold'
        when len(doubts) > 0 then 'clarify'
        else 'support'
    end as advice,
    list_sort(list_concat(holds, doubts)) as reasons,
    concat_ws(
        '; ',
        concat('filed ', cast(cast(applied_at as date) as text)),
        case
            when planned_resume_on is not null
                then concat('means to start ', cast(planned_resume_on as text), ', ', days_ahead, ' days ahead')
        end,
        case
            when staff_total is null then 'no report'
            else concat('reports ', staff_onsite, ' of ', staff_total, ' staff on site')
        end,
        case when staff_in_key_region > 0 then concat(staff_in_key_region, ' in key regions') end,
        case when prevention_plan then 'has a prevention plan' when staff_total is not null then 'no prevention plan' end,
        case when power_resumed then 'power as at work' when not power_resumed then 'power as when shut' end,
        case
            when people_onsite is not null
                then concat(people_onsite, ' checked in on the day')
        end,
        case
            when roster_size = 0 then 'nobody on the roster'
            else concat(roster_ok, ' of ', roster_size, ' on the roster ok, ', roster_do_not_admit, ' not to be admitted')
        end
    ) as evidence,
    concat_ws(
        '；',
        concat(cast(cast(applied_at as date) as text), ' 申请'),
        case
            when planned_resume_on is not null
                then concat('计划 ', cast(planned_resume_on as text), ' 复工，提前 ', days_ahead, ' 天')
        end,
        case
            when staff_total is null then '无自主申报'
            else concat('申报员工 ', staff_total, ' 人，到岗 ', staff_onsite, ' 人')
        end,
        case when staff_in_key_region > 0 then concat('在重点地区 ', staff_in_key_region, ' 人') end,
        case when prevention_plan then '有防控方案' when staff_total is not null then '无防控方案' end,
        case when power_resumed then '用电已恢复' when not power_resumed then '用电未恢复' end,
        case
            when people_onsite is not null
                then concat('当日到岗打卡 ', people_onsite, ' 人')
        end,
        case
            when roster_size = 0 then '花名册无人'
            else concat('花名册 ', roster_size, ' 人，可上岗 ', roster_ok, ' 人，不得上岗 ', roster_do_not_admit, ' 人')
        end
    ) as evidence_zh,
    concat(
        :approval_reference_version,
        ': roster_ok_from ',
        :roster_ok_from,
        '; ',
        :enterprise_resumption_version,
        ': notice_days ',
        :notice_days
    ) as rule,
    case
        when roster_size = 0 then source.inputs
        else list_append(
            source.inputs, concat('employee_screening/', cast(:business_date as text), '/', judged.uscc)
        )
    end as inputs
from judged
left join int_firm_source as source on source.uscc = judged.uscc
