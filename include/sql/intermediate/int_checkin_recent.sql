-- One row per enterprise with a check-in on the days that count as evidence; a day is the business date of the file.
with daily as (
    select
        checkins.uscc,
        checkins.delivered_for,
        -- One person's two half days, or a row sent twice, count once.
        count(distinct case when checkins.place = '厂区' then checkins.phone_token end) as people
    from feed.checkins as checkins
    where
        checkins.delivered_for > :business_date - :evidence_days
        and checkins.delivered_for <= :business_date
        and checkins.uscc is not null
    group by checkins.uscc, checkins.delivered_for
)

select
    uscc,
    max(case when delivered_for = :business_date then people else 0 end) as people_onsite,
    max(people) as people_onsite_evidence
from daily
group by uscc
