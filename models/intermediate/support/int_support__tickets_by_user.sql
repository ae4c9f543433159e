with
    versions as (select * from {{ ref("stg_landing__support_tickets") }}),

    numbered as (
        select
            user_id,
            ticket_id,
            category,
            status,
            created_at,
            updated_at,
            -- of two in one moment the worse counts
            case
                when
                    max(case when satisfaction = 'bad' then 1 else 0 end) over (
                        partition by ticket_id, user_id, updated_at
                    )
                    = 1
                then 'bad'
                else satisfaction
            end as satisfaction,
            -- an id may stand for tickets of several people
            row_number() over (partition by ticket_id, user_id order by version_number desc) as age_number
        from versions
        where updated_at < {{ as_of() }}
    ),

    tickets as (
        select *, {{ lowered(trimmed("category")) }} as category_key from numbered where age_number = 1
    ),

    final as (
        select
            user_id,
            count(case when status in ('new', 'open', 'pending', 'hold') then 1 end) as open_tickets,
            max(case when created_at < {{ as_of() }} then created_at end) as last_ticket_at,
            max(
                case when category_key = 'complaint' and created_at < {{ as_of() }} then created_at end
            ) as last_complaint_at,
            max(
                case when category_key = 'billing' and created_at < {{ as_of() }} then created_at end
            ) as last_billing_ticket_at,
            max(case when satisfaction = 'bad' then updated_at end) as last_bad_satisfaction_at,
            max(case when satisfaction = 'good' then updated_at end) as last_good_satisfaction_at,
            {{ newest("satisfaction", "updated_at", "ticket_id", "satisfaction is not null") }}
            as last_satisfaction
        from tickets
        group by user_id
    )

select *
from final
