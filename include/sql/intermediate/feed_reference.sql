-- One row per feed and what its rows refer to: how many rows of the business date there are, how many of them find it.
-- Lists are taken as last delivered. A row of which the sender left the reference blank is not asked.
with declared_phone as (
    select distinct phone_token
    from feed.health_declarations
    where phone_token is not null
),

declared_person as (
    select distinct person_token
    from feed.health_declarations
    where person_token is not null
),

read_meter as (
    -- A meter without a reading stands in the file as missing: who is not in the latest file is not read at all.
    select distinct meter_token
    from feed.household_power
    where delivered_for = (select max(delivered_for) from feed.household_power)
),

named as (
    select
        'self_reports' as feed,
        delivery_id,
        row_number
    from feed.self_reports
    where delivered_for = :business_date

    union all

    select
        'meter_accounts' as feed,
        delivery_id,
        row_number
    from feed.meter_accounts
    where delivered_for = (select max(delivered_for) from feed.meter_accounts)
),

carried as (
    select
        'carrier_mobile' as feed,
        phone_token
    from feed.carrier_mobile
    where delivered_for = :business_date

    union all

    select
        'carrier_unicom' as feed,
        phone_token
    from feed.carrier_unicom
    where delivered_for = :business_date

    union all

    select
        'carrier_telecom' as feed,
        phone_token
    from feed.carrier_telecom
    where delivered_for = :business_date

    union all

    -- Masked numbers are null: they cannot be asked.
    select
        'carrier_wasu' as feed,
        phone_token
    from feed.carrier_wasu
    where delivered_for = :business_date
),

asked as (
    select
        'checkins' as feed,
        'market_registry' as reference,
        int_registry.uscc is not null as is_matched
    from feed.checkins as sent
    left join int_registry on int_registry.uscc = sent.uscc
    where sent.delivered_for = :business_date

    union all

    select
        'checkins' as feed,
        'health_declarations' as reference,
        declared_phone.phone_token is not null as is_matched
    from feed.checkins as sent
    left join declared_phone on declared_phone.phone_token = sent.phone_token
    where sent.delivered_for = :business_date

    union all

    select
        'health_declarations' as feed,
        'market_registry' as reference,
        int_registry.uscc is not null as is_matched
    from feed.health_declarations as sent
    left join int_registry on int_registry.uscc = sent.uscc
    where sent.delivered_for = :business_date

    union all

    select
        'approvals' as feed,
        'market_registry' as reference,
        int_registry.uscc is not null as is_matched
    from feed.approvals as sent
    left join int_registry on int_registry.uscc = sent.uscc
    where sent.delivered_for = :business_date

    union all

    select
        named.feed,
        'market_registry' as reference,
        found.uscc is not null as is_matched
    from named
    inner join int_named_row as found
        on found.feed = named.feed
        and found.delivery_id = named.delivery_id
        and found.row_number = named.row_number

    union all

    select
        'health_codes' as feed,
        'health_declarations' as reference,
        declared_person.person_token is not null as is_matched
    from feed.health_codes as sent
    left join declared_person on declared_person.person_token = sent.person_token
    where sent.delivered_for = :business_date

    union all

    select
        'quarantine_register' as feed,
        'household_power' as reference,
        read_meter.meter_token is not null as is_matched
    from feed.quarantine_register as sent
    left join read_meter on read_meter.meter_token = sent.meter_token
    where
        sent.delivered_for = (select max(delivered_for) from feed.quarantine_register)
        and sent.meter_token is not null

    union all

    select
        carried.feed,
        'health_declarations' as reference,
        declared_phone.phone_token is not null as is_matched
    from carried
    left join declared_phone on declared_phone.phone_token = carried.phone_token
    where carried.phone_token is not null
)

select
    feed,
    reference,
    count(*) as n_rows,
    cast(sum(case when is_matched then 1 else 0 end) as bigint) as n_matched,
    cast(sum(case when is_matched then 1 else 0 end) as double) / count(*) as share
from asked
group by feed, reference
