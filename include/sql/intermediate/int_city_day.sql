-- One row per region and day of a bulletin: cumulative confirmed cases. A municipality's districts are summed.
with latest as (
    select
        city_code,
        reported_on,
        confirmed,
        row_number() over (
            partition by city_code, reported_on
            order by published_at desc, delivery_name desc, row_number desc
        ) as recency
    from feed.city_cases
    -- Provincial totals serve the reconciliation only.
    where city_code is not null and reported_on <= :business_date
)

select
    division.code as region_code,
    latest.reported_on,
    sum(latest.confirmed) as confirmed
from latest
inner join reference.prefectures as division
    on division.code = latest.city_code
    or division.kind = 'municipality' and division.code = concat(substr(latest.city_code, 1, 2), '0000')
where latest.recency = 1
group by division.code, latest.reported_on
