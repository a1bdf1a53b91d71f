with marked as (
    select
        *,
        case
            when business_date - lag(business_date) over (partition by uscc, reason order by business_date)
                <= :case_closes_after_days then 0
            else 1
        end as opens
    from int_followup_condition
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
        max_by(evidence, business_date) as evidence
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
    coalesce(firm.subdistrict_code, :district_code) as owner_unit,
    merged.opened_on + :case_due_days as due_on
from merged
left join int_registry as firm on firm.uscc = merged.uscc
