with
    base as (select * from {{ ref("base_landing__support_tickets") }}),

    final as (
        select
            ticket_id,
            version_number,
            user_id,
            category,
            status,
            created_at,
            updated_at,
            solved_at,
            satisfaction
        from base
        where quarantine_reason is null
    )

select *
from final
