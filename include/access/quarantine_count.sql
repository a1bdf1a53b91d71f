-- How many rows are kept out, without the rows. A row with several reasons counts under each of them.
--
-- feed: Feed.
-- business_date: Business date of the delivery.
-- reason: Reason code.
-- state: open, released or discarded.
-- refused: Rows. Unit: row.
select
    feed,
    business_date,
    reason,
    state,
    count(*) as refused
from ops.quarantine_row
cross join unnest(reasons) as reason
group by feed, business_date, reason, state
