with arrived as (
    -- What reached us for the day itself, and for the days that count as evidence.
    select
        count(case when feed = 'self_reports' and business_date = :business_date then 1 end) > 0 as has_reports,
        count(case when feed = 'approvals' and business_date = :business_date then 1 end) > 0 as has_approvals,
        count(case when feed = 'checkins' and business_date = :business_date then 1 end) > 0 as has_checkins,
        count(case when feed = 'checkins' and business_date > :business_date - :evidence_days then 1 end) > 0
            as has_recent_checkins,
        count(case when feed = 'checkins' and business_date > :business_date - :silent_days then 1 end) > 0
            as could_be_heard
    from ops.feed_delivery
),

reported_lately as (
    select distinct uscc
    from int_report_row
    where cast(submitted_at as date) > :business_date - :silent_days and cast(submitted_at as date) <= :business_date
),

evidence as (
    select
        firm.uscc,
        not firm.is_active as is_closed,
        coalesce(official.self_reported, false) as self_reported,
        coalesce(official.approved, false) as approved,
        coalesce(official.white_listed, false) as white_listed,
        coalesce(official.official_resumed, false) as official_resumed,
        coalesce(official.has_report, false) as has_report,
        official.first_resumed_on,
        official.submitted_at,
        official.staff_total,
        official.staff_onsite,
        official.staff_remote,
        official.staff_in_key_region,
        coalesce(official.staff_onsite > official.staff_total, false) as staff_exceeds_total,
        official.application_event,
        official.applied_at,
        official.planned_resume_on,
        power.power_resumed,
        power.power_index,
        -- No check-in of a firm is 0 people; no file of the day is no knowledge.
        case when arrived.has_checkins then coalesce(checkin.people_onsite, 0) end as people_onsite,
        case when arrived.has_recent_checkins then coalesce(checkin.people_onsite_evidence, 0) end as people_evidence,
        arrived.could_be_heard
        and reported_lately.uscc is null
        and coalesce(checkin.last_checked_in_on <= :business_date - :silent_days, true) as is_silent,
        not (arrived.has_reports and arrived.has_approvals) as is_unknown
    from int_registry as firm
    cross join arrived
    left join int_scope as scope on scope.uscc = firm.uscc
    left join int_official as official on official.uscc = firm.uscc
    left join int_firm_power as power on power.uscc = firm.uscc
    left join int_checkin_recent as checkin on checkin.uscc = firm.uscc
    left join int_checkin_firm as ever on ever.uscc = firm.uscc
    left join reported_lately on reported_lately.uscc = firm.uscc
    where
        scope.uscc is not null
        or official.uscc is not null
        or power.uscc is not null
        or ever.uscc is not null
),

judged as (
    select
        *,
        approved or white_listed as permitted,
        -- Any sign of work: E1, E3 or E4.
        self_reported or coalesce(power_resumed, false) or coalesce(people_evidence > 0, false) as shows_work,
        official_resumed and (coalesce(power_resumed, false) or coalesce(people_evidence > 0, false))
            as corroborated_resumed,
        case
            when not staff_exceeds_total and staff_total > 0
                then cast(staff_onsite as double) / staff_total
        end as staff_rate
    from evidence
)

select
    uscc,
    :business_date as business_date,
    case
        when is_closed then 'closed'
        when is_unknown then 'unknown'
        when first_resumed_on < :business_date and staff_onsite = 0 then 'suspended'
        when official_resumed and staff_rate < :partial_below then 'resumed_partial'
        when official_resumed then 'resumed'
        when shows_work and not permitted then 'active_unapproved'
        when application_event = '通过' then 'approved_not_started'
        when application_event = '申请' then 'applied'
        else 'not_started'
    end as status,
    self_reported,
    has_report
    and submitted_at
    < cast(:business_date as timestamptz) + interval 24 hour - interval 1 hour * :report_stale_after_hours
        as report_stale,
    approved,
    white_listed,
    power_resumed,
    people_onsite,
    official_resumed,
    corroborated_resumed,
    first_resumed_on,
    staff_total,
    staff_onsite,
    staff_remote,
    staff_in_key_region,
    staff_rate,
    power_index,
    list_sort(
        list_filter(
            [
                case when is_closed and shows_work then 'DEREGISTERED_ACTIVE' end,
                case
                    when :business_date < :early_before and not white_listed and shows_work then 'EARLY_RESUMPTION'
                end,
                case
                    when
                        people_evidence > 0
                        and people_evidence >= :few_people_below * coalesce(staff_total, 0)
                        and not power_resumed
                        and power_index < :index_low_below
                        then 'PEOPLE_WITHOUT_POWER'
                end,
                case
                    when
                        power_index >= :index_high_from
                        and case
                            when staff_total is null then people_evidence = 0
                            else people_evidence < :few_people_below * staff_total
                        end
                        then 'POWER_WITHOUT_PEOPLE'
                end,
                case
                    when
                        not white_listed
                        and date_diff('day', cast(applied_at as date), planned_resume_on) < :notice_days
                        then 'SHORT_NOTICE'
                end,
                case when official_resumed and is_silent then 'SILENT' end,
                case when staff_exceeds_total then 'STAFF_EXCEEDS_TOTAL' end,
                case when shows_work and not permitted then 'UNAPPROVED_RESUMPTION' end
            ],
            code -> code is not null
        )
    ) as conflict_codes
from judged
