-- One row per enterprise, reason and business date on which the reason held, with the evidence of that day: from the
-- published days before, and the day being built.
with days as (
    select
        business_date,
        uscc,
        status,
        self_reported,
        approved,
        staff_total,
        people_onsite,
        power_index,
        conflict_codes
    from enterprise_resumption

    union all

    select
        business_date,
        uscc,
        status,
        self_reported,
        approved,
        staff_total,
        people_onsite,
        power_index,
        conflict_codes
    from built.enterprise_resumption
    where business_date < :business_date
),

judged as (
    select
        business_date,
        uscc,
        self_reported,
        approved,
        staff_total,
        people_onsite,
        power_index,
        unnest(
            list_filter(
                [
                    case when status <> 'closed' and power_index >= :index_high_from then 'HIGH_INDEX' end,
                    case
                        when status <> 'closed' and power_index < :index_low_below and (approved or self_reported)
                            then 'LOW_INDEX'
                    end,
                    case
                        when list_contains(conflict_codes, 'UNAPPROVED_RESUMPTION') then 'UNAPPROVED_RESUMPTION'
                    end,
                    case
                        when list_contains(conflict_codes, 'POWER_WITHOUT_PEOPLE') then 'POWER_WITHOUT_PEOPLE'
                    end,
                    case
                        when list_contains(conflict_codes, 'PEOPLE_WITHOUT_POWER') then 'PEOPLE_WITHOUT_POWER'
                    end,
                    case
                        when
                            status not in ('closed', 'unknown')
                            and staff_total is null
                            and power_index is null
                            and people_onsite = 0
                            then 'NO_DATA'
                    end
                ],
                reason -> reason is not null
            )
        ) as reason
    from days
)

select
    uscc,
    reason,
    business_date,
    concat_ws(
        '; ',
        case
            when power_index is not null
                then concat('power index ', cast(floor(power_index + 0.5) as bigint))
        end,
        case
            when people_onsite is not null and staff_total is not null
                then concat(people_onsite, ' of ', staff_total, ' staff checked in')
            when people_onsite is not null then concat(people_onsite, ' persons checked in')
        end,
        case when staff_total is null then 'no report' end,
        case when self_reported then 'reports itself resumed' end,
        case when approved then 'approved' else 'not approved' end
    ) as evidence
from judged
