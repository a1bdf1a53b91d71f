-- One row per enterprise with a contact: the phone of its report in effect, else the registry's latest.
with reported as (
    select
        uscc,
        contact_phone_token
    from int_report
    where to_day is null and contact_phone_token is not null
),

registered as (
    select
        uscc,
        contact_phone_token,
        row_number() over (partition by uscc order by delivered_for desc) as recency
    from stg_registry
    where contact_phone_token is not null
)

select
    coalesce(reported.uscc, registered.uscc) as uscc,
    coalesce(reported.contact_phone_token, registered.contact_phone_token) as contact_phone_token
from (select * from registered where recency = 1) as registered
full join reported on reported.uscc = registered.uscc
