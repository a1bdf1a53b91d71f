with days as (
    -- Each day's conditions were judged on that day, by the rules of that day.
    select
        uscc,
        reason,
        business_date,
        evidence,
        evidence_zh,
        rule,
        inputs
    from followup_condition

    union all

    select
        uscc,
        reason,
        business_date,
        evidence,
        evidence_zh,
        rule,
        inputs
    from built.followup_condition
    where business_date < :business_date
),

marked as (
    select
        *,
        case
            when business_date - lag(business_date) over (partition by uscc, reason order by business_date)
                <= :case_closes_after_days then 0
            else 1
        end as opens
    from days
),

cases as (
    select
        *,
        sum(opens) over (
            partition by uscc, reason
            order by business_date
            rows between unbounded preceding and current row
        ) as case_no
    from marked
),

merged as (
    select
        uscc,
        reason,
        case_no,
        min(business_date) as opened_on,
        max(business_date) as last_seen_on,
        max_by(evidence, business_date) as evidence,
        max_by(evidence_zh, business_date) as evidence_zh,
        max_by(rule, business_date) as rule,
        max_by(inputs, business_date) as inputs
    from cases
    group by uscc, reason, case_no
)

select
    concat(merged.uscc, '/', merged.reason, '/', cast(merged.opened_on as text)) as case_id,
    :business_date as business_date,
    merged.uscc,
    merged.reason,
    merged.opened_on,
    merged.last_seen_on,
    -- Closed on the last of the days without the condition.
    case
        when merged.last_seen_on + :case_closes_after_days <= :business_date
            then merged.last_seen_on + :case_closes_after_days
    end as closed_on,
    concat(merged.evidence, ' (', cast(merged.last_seen_on as text), ')') as evidence,
    concat(merged.evidence_zh, '（', cast(merged.last_seen_on as text), '）') as evidence_zh,
    merged.rule,
    merged.inputs,
    coalesce(firm.subdistrict_code, :district_code) as owner_unit,
    merged.opened_on + :case_due_days as due_on
from merged
left join int_registry as firm on firm.uscc = merged.uscc
