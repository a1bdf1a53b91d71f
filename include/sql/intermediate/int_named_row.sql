-- Every row of the feeds that name an enterprise, with the enterprise it means or the reason why none was found.
select
    sent.feed,
    sent.delivery_id,
    sent.row_number,
    coalesce(sent.uscc, sent.uscc_candidate) as uscc_sent,
    sent.name as name_sent,
    case
        when by_hand.uscc is not null then by_hand.uscc
        when sent.uscc is not null then by_code.uscc
        when repaired.uscc is not null then repaired.uscc
        else by_name.uscc
    end as uscc,
    case
        when by_hand.uscc is not null then 'manual'
        when sent.uscc is not null then 'uscc'
        when repaired.uscc is not null then 'uscc_repaired'
        else 'unique_name'
    end as found_by,
    case
        when by_hand.uscc is not null or by_code.uscc is not null or repaired.uscc is not null then null
        when sent.uscc is not null then 'USCC_UNKNOWN'
        when by_name.uscc is not null then null
        when sent.uscc_candidate is not null then 'USCC_UNKNOWN'
        when sent.name_normalised is null then 'USCC_MISSING'
        when by_name.name_normalised is not null then 'NAME_AMBIGUOUS'
        else 'NAME_UNKNOWN'
    end as unresolved_reason
from stg_named_row as sent
-- What somebody decided wins, as long as the registry knows the enterprise.
left join reference.enterprise_link as link
    on link.feed = sent.feed
    and link.source_key = coalesce(sent.uscc, sent.uscc_candidate, sent.name)
left join int_registry as by_hand on by_hand.uscc = link.uscc
left join int_registry as by_code on by_code.uscc = sent.uscc
-- A code repaired from O and I counts only where the registry knows it under the same name.
left join int_registry as repaired
    on sent.uscc is null
    and repaired.uscc = sent.uscc_candidate
    and repaired.name_normalised = sent.name_normalised
-- A name speaks only where there is no valid code, and only if exactly one active entity bears it.
left join int_registry_name as by_name on sent.uscc is null and by_name.name_normalised = sent.name_normalised
