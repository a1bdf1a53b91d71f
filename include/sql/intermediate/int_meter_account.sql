-- One row per account that somebody holds at the business date.
with ranked as (
    select
        *,
        row_number() over (
            partition by account_no, enterprise_uscc, valid_from, valid_to
            order by published_at desc, delivery_name desc, row_number desc
        ) as recency
    from stg_meter_account
    where enterprise_uscc is not null
),

held as (
    select
        account_no,
        count(distinct enterprise_uscc) as holders,
        count(distinct relation) as relations,
        min(relation) as relation,
        min(enterprise_uscc) as uscc
    from ranked
    where
        recency = 1
        -- Both ends belong to the interval; a blank end is open.
        and (valid_from is null or valid_from <= :business_date)
        and (valid_to is null or valid_to >= :business_date)
    group by account_no
)

select
    account_no,
    case
        when relations = 1 and relation = 'resale' then 'resale'
        when relations = 1 and relation = 'exclusive' and holders = 1 then 'exclusive'
        else 'shared'
    end as relation,
    case when relations = 1 and relation = 'exclusive' and holders = 1 then uscc end as uscc
from held
