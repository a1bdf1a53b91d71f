with facts as (
    select
        declaration.person_token,
        declaration.uscc,
        declaration.phone_token,
        colour.code_colour,
        colour.code_age_hours,
        coalesce(reading.readings_valid, 0) as readings_valid,
        reading.max_temperature_c,
        coalesce(reading.on_site, false) as on_site,
        transit.person_token is not null as key_region_transit,
        coalesce(declaration.symptomatic, false) or coalesce(reading.symptomatic, false) as symptoms,
        coalesce(declaration.had_contact, false) as had_contact,
        exposure.person_token is not null as open_returnee_episode
    from int_declaration as declaration
    left join int_person_colour as colour on colour.person_token = declaration.person_token
    left join int_person_reading as reading
        on reading.person_token = declaration.person_token
        and reading.uscc = declaration.uscc
    left join int_transit as transit
        on transit.person_token = declaration.person_token
        and transit.uscc = declaration.uscc
    left join int_person_exposure as exposure on exposure.person_token = declaration.person_token
),

judged as (
    select
        *,
        list_sort(
            list_filter(
                [
                    case when code_colour = 'red' then 'red_code' end,
                    case when max_temperature_c > :fever_above_c then 'fever' end,
                    case when code_colour = 'yellow' then 'yellow_code' end,
                    case when symptoms then 'symptoms' end,
                    case when key_region_transit then 'key_region_transit' end,
                    case when had_contact then 'contact' end,
                    case when open_returnee_episode then 'open_returnee_episode' end,
                    case when code_colour is null then 'code_unknown' end,
                    case when code_age_hours > :code_max_age_hours then 'code_outdated' end,
                    case when on_site and readings_valid < :min_readings_on_site then 'readings_missing' end
                ],
                reason -> reason is not null
            )
        ) as reasons
    from facts
)

select
    person_token,
    uscc,
    :business_date as business_date,
    phone_token,
    code_colour,
    code_age_hours,
    readings_valid,
    max_temperature_c,
    on_site,
    key_region_transit,
    symptoms,
    had_contact,
    open_returnee_episode,
    case
        when list_contains(reasons, 'red_code') or list_contains(reasons, 'fever') then 'do_not_admit'
        when
            list_contains(reasons, 'yellow_code')
            or list_contains(reasons, 'symptoms')
            or list_contains(reasons, 'key_region_transit')
            or list_contains(reasons, 'contact')
            or list_contains(reasons, 'open_returnee_episode') then 'check'
        when len(reasons) > 0 then 'missing_data'
        else 'ok'
    end as decision,
    reasons
from judged
