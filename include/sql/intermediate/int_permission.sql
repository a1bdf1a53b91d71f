-- One row per stretch of days [from_day, to_day) in which an application permits work (E2), or a white-list mark does.
select
    uscc,
    'approved' as basis,
    greatest(from_day, planned_resume_on) as from_day,
    to_day
from int_application
where
    event = '通过'
    and planned_resume_on is not null
    and (to_day is null or planned_resume_on < to_day)

union all

select
    uscc,
    'white_listed' as basis,
    from_day,
    to_day
from int_application
where is_white_listed
