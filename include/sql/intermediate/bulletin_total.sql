-- One row per province of the latest bulletin: the total that it names, and the sum of what it names for the places in it.
-- Places without a code are in quarantine: what a total has on top of its places is theirs, or an error.
with latest as (
    select
        province_code,
        city_code,
        confirmed,
        row_number() over (
            partition by province_code, city_code
            order by published_at desc, delivery_name desc, row_number desc
        ) as recency
    from feed.city_cases
    where reported_on = :business_date and province_code is not null
)

select
    province_code,
    max(case when city_code is null then confirmed end) as total,
    coalesce(sum(case when city_code is not null then confirmed end), 0) as parts
from latest
where recency = 1
group by province_code
having max(case when city_code is null then confirmed end) is not null
