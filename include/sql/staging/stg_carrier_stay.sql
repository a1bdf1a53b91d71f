-- One row per stay that a carrier reports and has not retracted. The person is the phone; where the carrier masks it,
-- the broadband account, which never merges with a phone.
with sent as (
    select
        'mobile' as carrier,
        phone_token as subscriber_token,
        phone_token as person_token,
        region_code,
        visit_begin_at,
        visit_end_at,
        coalesce(dwell_hours, date_diff('second', visit_begin_at, visit_end_at) / 3600.0) as stay_hours,
        published_at,
        delivery_name,
        row_number
    from feed.carrier_mobile

    union all

    select
        'unicom' as carrier,
        phone_token as subscriber_token,
        phone_token as person_token,
        region_code,
        visit_begin_at,
        visit_end_at,
        coalesce(dwell_hours, date_diff('second', visit_begin_at, visit_end_at) / 3600.0) as stay_hours,
        published_at,
        delivery_name,
        row_number
    from feed.carrier_unicom

    union all

    select
        'telecom' as carrier,
        phone_token as subscriber_token,
        phone_token as person_token,
        region_code,
        visit_begin_at,
        visit_end_at,
        coalesce(dwell_hours, date_diff('second', visit_begin_at, visit_end_at) / 3600.0) as stay_hours,
        published_at,
        delivery_name,
        row_number
    from feed.carrier_telecom

    union all

    select
        'wasu' as carrier,
        account_token as subscriber_token,
        coalesce(phone_token, account_token) as person_token,
        region_code,
        visit_begin_at,
        visit_end_at,
        -- Dates alone, no hours: such a stay always counts as long enough.
        cast(null as double) as stay_hours,
        published_at,
        delivery_name,
        row_number
    from feed.carrier_wasu
),

retracted as (
    -- Whatever the order of arrival, a row sent in an _undo file is void.
    select distinct
        carrier,
        subscriber_token,
        region_code,
        visit_begin_at,
        visit_end_at
    from sent
    where strpos(delivery_name, '_undo') > 0
),

ranked as (
    select
        *,
        row_number() over (
            partition by carrier, subscriber_token, region_code, visit_begin_at, visit_end_at
            order by published_at desc, delivery_name desc, row_number desc
        ) as recency
    from sent
    where strpos(delivery_name, '_undo') = 0
)

select
    ranked.carrier,
    ranked.person_token,
    ranked.region_code,
    ranked.visit_begin_at,
    ranked.visit_end_at,
    ranked.stay_hours
from ranked
left join retracted
    on retracted.carrier = ranked.carrier
    and retracted.subscriber_token = ranked.subscriber_token
    and retracted.region_code = ranked.region_code
    and retracted.visit_begin_at = ranked.visit_begin_at
    and retracted.visit_end_at = ranked.visit_end_at
where ranked.recency = 1 and retracted.subscriber_token is null
