-- One row per enterprise that ever checked in, up to the business date.
select distinct uscc
from feed.checkins
where uscc is not null
