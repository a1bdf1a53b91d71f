-- One row per name that an active entity bears; uscc is set only where exactly one bears it.
select
    name_normalised,
    case when count(*) = 1 then min(uscc) end as uscc
from int_registry
where is_active and name_normalised is not null
group by name_normalised
