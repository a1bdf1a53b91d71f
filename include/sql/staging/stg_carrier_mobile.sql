-- One row per stay that carrier_mobile reports and has not retracted.
with retracted as (
    -- Whatever the order of arrival, a row sent in an _undo file is void.
    select distinct
        phone_token,
        region_code,
        visit_begin_at,
        visit_end_at
    from feed.carrier_mobile
    where strpos(delivery_name, '_undo') > 0
),

ranked as (
    select
        phone_token,
        region_code,
        visit_begin_at,
        visit_end_at,
        dwell_hours,
        row_number() over (
            partition by phone_token, region_code, visit_begin_at, visit_end_at
            order by published_at desc, delivery_name desc, row_number desc
        ) as recency
    from feed.carrier_mobile
    where strpos(delivery_name, '_undo') = 0
)

select
    'mobile' as carrier,
    ranked.phone_token,
    ranked.region_code,
    ranked.visit_begin_at,
    ranked.visit_end_at,
    ranked.dwell_hours
from ranked
left join retracted
    on retracted.phone_token = ranked.phone_token
    and retracted.region_code = ranked.region_code
    and retracted.visit_begin_at = ranked.visit_begin_at
    and retracted.visit_end_at = ranked.visit_end_at
where ranked.recency = 1 and retracted.phone_token is null
