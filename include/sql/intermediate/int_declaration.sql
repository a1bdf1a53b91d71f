-- One row per person and enterprise: what the person's latest declaration naming that enterprise says.
with ranked as (
    select
        sent.person_token,
        sent.uscc,
        sent.phone_token,
        sent.route_region_codes,
        sent.returned_on,
        sent.had_contact,
        sent.symptomatic,
        sent.declared_at,
        row_number() over (
            partition by sent.person_token, sent.uscc
            order by sent.declared_at desc, sent.published_at desc, sent.delivery_name desc, sent.row_number desc
        ) as recency
    from feed.health_declarations as sent
    -- A code that the registry does not know is in quarantine.
    inner join int_registry as firm on firm.uscc = sent.uscc
),

latest as (
    select *
    from ranked
    where recency = 1
),

shared as (
    -- A phone that two persons of a firm bear says nothing of either.
    select
        uscc,
        phone_token
    from latest
    group by uscc, phone_token
    having count(distinct person_token) > 1
)

select
    latest.person_token,
    latest.uscc,
    latest.phone_token,
    shared.phone_token is not null as is_phone_shared,
    latest.route_region_codes,
    coalesce(latest.returned_on, cast(latest.declared_at as date)) as came_on,
    latest.had_contact,
    latest.symptomatic,
    latest.declared_at
from latest
left join shared on shared.uscc = latest.uscc and shared.phone_token = latest.phone_token
