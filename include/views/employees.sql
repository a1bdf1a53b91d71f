-- Employees by screening decision, for the whole district. Counts of 1 to 4 are hidden, and never one alone. Who works for
-- two enterprises counts at each. The total is not published.
--
-- business_date: Business date that the row speaks of.
-- decision: Decision of mart.employee_screening: do_not_admit, check, missing_data or ok.
-- employees: Persons and employers. Unit: person.
-- suppressed: The count is hidden.
with cells as (
    select
        business_date,
        decision,
        count(*) as employees
    from mart.employee_screening
    group by business_date, decision
),

neighbours as (
    select
        *,
        count(*) filter (where employees < 5) over (partition by business_date) as small_cells,
        row_number() over (
            partition by business_date, employees < 5
            order by employees, decision
        ) as place
    from cells
),

verdicts as (
    select
        *,
        employees < 5 or (small_cells = 1 and place = 1) as hidden
    from neighbours
)

select
    business_date,
    decision,
    case when not hidden then employees end as employees,
    hidden as suppressed
from verdicts
