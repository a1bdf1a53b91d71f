-- One row per stay that a carrier reports. A further carrier is a staging model and one more `union all`.
select
    carrier,
    phone_token,
    region_code,
    visit_begin_at,
    visit_end_at,
    dwell_hours
from stg_carrier_mobile
