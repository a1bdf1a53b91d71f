-- One row per scope, level and unit: its enterprises and how many of them officially resumed.
select
    int_scope_unit.scope,
    int_scope_unit.level,
    int_scope_unit.unit,
    count(*) as denominator,
    count(case when int_official.official_resumed then 1 end) as resumed
from int_scope_unit
left join int_official on int_official.uscc = int_scope_unit.uscc
group by int_scope_unit.scope, int_scope_unit.level, int_scope_unit.unit
