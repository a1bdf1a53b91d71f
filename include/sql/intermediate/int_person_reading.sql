-- One row per person and enterprise with check-ins of the business date on a phone that is the person's alone there.
select
    declaration.person_token,
    declaration.uscc,
    count(checkin.temperature_c) as readings_valid,
    max(checkin.temperature_c) as max_temperature_c,
    max(case when checkin.place = '厂区' then 1 else 0 end) = 1 as on_site,
    max(case when checkin.symptomatic then 1 else 0 end) = 1 as symptomatic
from int_checkin_day as checkin
inner join int_declaration as declaration
    on declaration.uscc = checkin.uscc
    and declaration.phone_token = checkin.phone_token
where not declaration.is_phone_shared
group by declaration.person_token, declaration.uscc
