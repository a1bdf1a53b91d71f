with campaigns as (
    select 'before_resumption' as campaign, 1 as phase, :filing_from as ends_before
    union all
    select 'filing_open' as campaign, 2 as phase, :resumption_from as ends_before
    union all
    select 'resumption_under_way' as campaign, 3 as phase, :normal_from as ends_before
    union all
    select 'normal_operation' as campaign, 4 as phase, cast(null as date) as ends_before
),

current_phase as (
    select min(phase) as phase
    from campaigns
    where ends_before is null or ends_before > :business_date
),

firms as (
    select
        firm.uscc,
        firm.is_active,
        contact.contact_phone_token,
        coalesce(resumption.official_resumed, false) as official_resumed,
        coalesce(resumption.approved, false) or coalesce(resumption.white_listed, false) as permitted,
        filed.uscc is not null as has_filed,
        opted_out.uscc is not null as has_opted_out
    from int_registry as firm
    left join int_contact as contact on contact.uscc = firm.uscc
    left join enterprise_resumption as resumption on resumption.uscc = firm.uscc
    left join (select distinct uscc from int_application where to_day is null) as filed on filed.uscc = firm.uscc
    left join reference.message_opt_out as opted_out on opted_out.uscc = firm.uscc
),

judged as (
    select
        campaigns.campaign,
        campaigns.phase = current_phase.phase as is_current,
        firms.uscc,
        firms.contact_phone_token,
        case
            when not firms.is_active then 'closed'
            when campaigns.campaign = 'before_resumption' and firms.permitted then 'permitted'
            when campaigns.campaign = 'filing_open' and (firms.has_filed or firms.permitted) then 'filed'
            when campaigns.campaign = 'resumption_under_way' and not (firms.has_filed or firms.permitted)
                then 'not_filed'
            when campaigns.campaign = 'normal_operation' and not firms.official_resumed then 'not_resumed'
            when firms.has_opted_out then 'opted_out'
            when firms.contact_phone_token is null then 'no_contact'
        end as out_reason
    from firms
    cross join campaigns
    cross join current_phase
),

chosen as (
    select
        *,
        -- One message a contact: of a contact's enterprises the first by code gets it.
        row_number() over (
            partition by campaign, contact_phone_token, out_reason is null
            order by uscc
        ) as place
    from judged
)

select
    campaign,
    uscc,
    :business_date as business_date,
    is_current,
    out_reason is null and place = 1 as included,
    case
        when out_reason is not null then out_reason
        when place > 1 then 'contact_served'
        when campaign = 'before_resumption' then 'to_stay_closed'
        when campaign = 'filing_open' then 'to_file'
        when campaign = 'resumption_under_way' then 'to_resume_safely'
        else 'to_keep_protected'
    end as reason,
    case when out_reason is null and place = 1 then contact_phone_token end as contact_phone_token
from chosen
