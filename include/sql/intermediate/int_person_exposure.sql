-- One row per person with an open episode of a stay in a key region, on a phone that is the person's alone.
select distinct declaration.person_token
from int_declaration as declaration
inner join int_returnee_episode as episode on episode.person_token = declaration.phone_token
where
    not declaration.is_phone_shared
    and episode.last_exposure_on + :screening_days >= :business_date
