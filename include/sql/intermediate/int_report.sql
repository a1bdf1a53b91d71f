-- One row per enterprise and stretch of days [from_day, to_day) with the self-report in effect in that stretch, so that
-- one pass answers both for the business date (the stretch without an end) and for every day before it.
with sent as (
    select
        *,
        -- The same report sent again: the later delivery holds from the day it speaks of.
        min(delivered_for) over (
            partition by uscc, report_id
            order by published_at, delivery_name, row_number
            rows between 1 following and unbounded following
        ) as replaced_on
    from int_report_row
),

-- A supersedes mark counts within one enterprise; a report cannot supersede itself.
superseded as (
    select
        uscc,
        supersedes as report_id,
        delivered_for as superseded_from,
        replaced_on as superseded_to
    from sent
    where supersedes is not null and supersedes <> report_id
),

contested as (
    select distinct
        uscc,
        report_id
    from superseded
),

bounded as (
    select
        sent.*,
        -- From the day that a later report which nothing replaces is known, this one can never be in effect again.
        min(case when sent.replaced_on is null and contested.report_id is null then sent.delivered_for end) over (
            partition by sent.uscc
            order by sent.submitted_at, sent.published_at, sent.delivery_name, sent.row_number
            rows between 1 following and unbounded following
        ) as outdated_on
    from sent
    left join contested
        on contested.uscc = sent.uscc
        and contested.report_id = sent.report_id
),

days as (
    select
        uscc,
        delivered_for as from_day,
        lead(delivered_for) over (partition by uscc order by delivered_for) as to_day
    from (select distinct uscc, delivered_for from sent) as arrivals
),

candidates as (
    select
        days.from_day,
        days.to_day,
        bounded.*
    from bounded
    inner join days
        on days.uscc = bounded.uscc
        and days.from_day >= bounded.delivered_for
        and (bounded.replaced_on is null or days.from_day < bounded.replaced_on)
        and (bounded.outdated_on is null or days.from_day < bounded.outdated_on)
    where not exists (
        select 1
        from superseded
        where
            superseded.uscc = bounded.uscc
            and superseded.report_id = bounded.report_id
            and days.from_day >= superseded.superseded_from
            and (superseded.superseded_to is null or days.from_day < superseded.superseded_to)
    )
),

ranked as (
    select
        *,
        row_number() over (
            partition by uscc, from_day
            order by submitted_at desc, published_at desc, delivery_name desc, row_number desc
        ) as recency
    from candidates
)

select
    uscc,
    from_day,
    to_day,
    report_id,
    source,
    actual_resume_on,
    staff_total,
    staff_onsite,
    staff_remote,
    staff_in_key_region,
    prevention_plan,
    contact_phone_token,
    submitted_at
from ranked
where recency = 1
