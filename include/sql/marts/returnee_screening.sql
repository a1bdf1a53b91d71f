with declared as (
    -- Any declaration counts, also one that the person has since made anew from another phone.
    select
        sent.phone_token,
        sent.uscc,
        row_number() over (
            partition by sent.phone_token
            order by sent.declared_at desc, sent.published_at desc, sent.delivery_name desc, sent.row_number desc
        ) as recency
    from feed.health_declarations as sent
    inner join int_registry as firm on firm.uscc = sent.uscc
),

registered as (
    -- The community and home that the quarantine register names for the phone: of several entries the latest, those
    -- with a screened home before those without.
    select
        register.phone_token,
        register.community_code,
        household.scenario,
        row_number() over (
            partition by register.phone_token
            order by
                case when household.meter_token is null then 1 else 0 end,
                register.valid_from desc,
                register.meter_token,
                register.community_code
        ) as recency
    from int_quarantine_register as register
    left join household_power_screening as household on household.meter_token = register.meter_token
    where register.phone_token is not null
)

select
    episode.person_token,
    episode.episode_no,
    :business_date as business_date,
    episode.origins,
    case when episode.is_high then 'high' else 'medium' end as key_level,
    episode.last_exposure_on,
    episode.last_exposure_on + :screening_days as window_end,
    episode.carriers,
    episode.n_sources,
    declared.phone_token is not null as in_roster,
    declared.uscc,
    registered.community_code,
    registered.scenario as household_scenario,
    case
        when :business_date <= episode.last_exposure_on + :screening_days then 'open'
        else 'closed'
    end as state
from int_returnee_episode as episode
left join declared on declared.phone_token = episode.person_token and declared.recency = 1
left join registered on registered.phone_token = episode.person_token and registered.recency = 1
