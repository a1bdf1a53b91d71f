-- One row per account that somebody holds at the business date.
with latest as (
    select
        sent.account_no,
        named.uscc,
        sent.relation,
        sent.valid_from,
        sent.valid_to,
        row_number() over (
            partition by sent.account_no, named.uscc, sent.valid_from, sent.valid_to
            order by sent.published_at desc, sent.delivery_name desc, sent.row_number desc
        ) as recency
    from feed.meter_accounts as sent
    inner join int_named_row as named
        on named.feed = 'meter_accounts'
        and named.delivery_id = sent.delivery_id
        and named.row_number = sent.row_number
    where
        named.uscc is not null
        -- Each list is complete and replaces the one before it.
        and sent.delivered_for = (select max(delivered_for) from feed.meter_accounts)
),

held as (
    select
        account_no,
        count(distinct uscc) as holders,
        count(distinct relation) as relations,
        min(relation) as relation,
        min(uscc) as uscc
    from latest
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
