-- One row per enterprise with a check-in on the days that count as evidence; a day is the business date of the file.
with persons as (
    -- One person's two half days, or a row sent twice, count once.
    select
        uscc,
        delivered_for,
        phone_token,
        max(case when place = '厂区' then 1 else 0 end) as is_onsite
    from feed.checkins
    where
        delivered_for > :business_date - greatest(:evidence_days, :silent_days)
        and delivered_for <= :business_date
        and uscc is not null
    group by uscc, delivered_for, phone_token
),

daily as (
    select
        uscc,
        delivered_for,
        sum(is_onsite) as people
    from persons
    group by uscc, delivered_for
)

select
    uscc,
    max(case when delivered_for = :business_date then people else 0 end) as people_onsite,
    max(case when delivered_for > :business_date - :evidence_days then people else 0 end) as people_onsite_evidence,
    max(delivered_for) as last_checked_in_on
from daily
group by uscc
