-- Refused rows with their reasons, personal values masked, and the community whose list or meters they belong to.
--
-- delivery_id: Delivery the row came in.
-- row_number: Row within the delivery, 1 = first below the header.
-- feed: Feed.
-- business_date: Business date of the delivery.
-- name: Name of the file it came in.
-- stage: conform (the row itself) or resolve (its enterprise is not known).
-- reasons: Reason codes, sorted.
-- payload: The row as received, personal values masked.
-- state: open, released or discarded.
-- quarantined_at: When the row was first refused.
-- action_id: Latest decision of an operator on the row.
-- community_code: Community whose register or meter the row is of; null where the row tells none.
select
    refused.delivery_id,
    refused.row_number,
    refused.feed,
    refused.business_date,
    delivery.name,
    refused.stage,
    refused.reasons,
    access.masked(refused.payload) as payload,
    refused.state,
    refused.quarantined_at,
    refused.action_id,
    case refused.feed
        -- {community_code}.xlsx; a further part of a list bears a number behind the code.
        when 'quarantine_register' then split_part(split_part(delivery.name, '.', 1), '_', 1)
        when 'household_power' then refused.payload ->> 'community_code'
    end as community_code
from ops.quarantine_row as refused
inner join ops.feed_delivery as delivery using (delivery_id)
