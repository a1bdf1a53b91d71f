with facts as (
    select
        firm.uscc,
        firm.status,
        firm.self_reported,
        firm.approved,
        firm.white_listed,
        firm.staff_total,
        firm.people_onsite,
        firm.power_index,
        firm.conflict_codes,
        checkin.people_onsite_evidence as people_evidence
    from enterprise_resumption as firm
    left join int_checkin_recent as checkin on checkin.uscc = firm.uscc
),

judged as (
    select
        *,
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
    from facts
)

select
    judged.uscc,
    judged.reason,
    :business_date as business_date,
    concat_ws(
        '; ',
        case
            when judged.power_index is not null
                then concat('power index ', cast(floor(judged.power_index + 0.5) as bigint))
        end,
        case
            when judged.people_onsite is not null and judged.staff_total is not null
                then concat(judged.people_onsite, ' of ', judged.staff_total, ' staff checked in')
            when judged.people_onsite is not null then concat(judged.people_onsite, ' persons checked in')
        end,
        case
            when judged.people_evidence > coalesce(judged.people_onsite, 0)
                then concat('up to ', judged.people_evidence, ' on one of the last ', :evidence_days, ' days')
        end,
        case when judged.staff_total is null then 'no report' end,
        case when judged.self_reported then 'reports itself resumed' end,
        case
            when judged.approved then 'approved'
            when judged.white_listed then 'on the white list'
            else 'not approved'
        end
    ) as evidence,
    concat_ws(
        '；',
        case
            when judged.power_index is not null
                then concat('用电指数 ', cast(floor(judged.power_index + 0.5) as bigint))
        end,
        case
            when judged.people_onsite is not null and judged.staff_total is not null
                then concat('员工 ', judged.staff_total, ' 人，当日到岗打卡 ', judged.people_onsite, ' 人')
            when judged.people_onsite is not null then concat('当日到岗打卡 ', judged.people_onsite, ' 人')
        end,
        case
            when judged.people_evidence > coalesce(judged.people_onsite, 0)
                then concat('近 ', :evidence_days, ' 日单日最多 ', judged.people_evidence, ' 人')
        end,
        case when judged.staff_total is null then '无自主申报' end,
        case when judged.self_reported then '申报已复工' end,
        case
            when judged.approved then '已批准'
            when judged.white_listed then '白名单'
            else '未批准'
        end
    ) as evidence_zh,
    case judged.reason
        when 'NO_DATA' then :enterprise_followup_version
        when 'HIGH_INDEX' then concat(:enterprise_resumption_version, ': index_high_from ', :index_high_from)
        when 'LOW_INDEX' then concat(:enterprise_resumption_version, ': index_low_below ', :index_low_below)
        when 'POWER_WITHOUT_PEOPLE'
            then concat(
                :enterprise_resumption_version,
                ': index_high_from ',
                :index_high_from,
                ', few_people_below ',
                :few_people_below
            )
        when 'PEOPLE_WITHOUT_POWER'
            then concat(
                :enterprise_resumption_version,
                ': index_low_below ',
                :index_low_below,
                ', few_people_below ',
                :few_people_below
            )
        else :enterprise_resumption_version
    end as rule,
    source.inputs
from judged
left join int_firm_source as source on source.uscc = judged.uscc
