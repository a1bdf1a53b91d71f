-- Every row of the feeds that name an enterprise by code or by name. A further such feed is one more `union all`.
select
    'statistical_scope' as feed,
    delivery_id,
    row_number,
    uscc,
    uscc_candidate,
    name,
    nullif(trim(name_normalised), '') as name_normalised
from feed.statistical_scope

union all

select
    'self_reports' as feed,
    delivery_id,
    row_number,
    uscc,
    uscc_candidate,
    name,
    nullif(trim(name_normalised), '') as name_normalised
from feed.self_reports

union all

select
    'meter_accounts' as feed,
    delivery_id,
    row_number,
    uscc,
    uscc_candidate,
    name,
    nullif(trim(name_normalised), '') as name_normalised
from feed.meter_accounts
