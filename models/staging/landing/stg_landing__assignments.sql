with
    base as (select * from {{ ref("base_landing__assignments") }}),

    final as (select user_id, campaign_id, arm, assigned_at from base where quarantine_reason is null)

select *
from final
