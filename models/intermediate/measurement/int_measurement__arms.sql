with
    eligible_users as (select * from {{ ref("int_measurement__eligible_users") }}),

    -- each user in the row of their variant and in the row of the whole campaign
    listed as (
        select campaign_id, variant, arm, is_listed, is_matured, has_converted
        from eligible_users
        -- a template called all would be counted twice in one row
        where variant is not null and variant <> 'all'
        union all
        select campaign_id, 'all' as variant, arm, is_listed, is_matured, has_converted
        from eligible_users
    ),

    final as (
        select
            campaign_id,
            variant,
            arm,
            count(case when is_matured then 1 end) as users,
            count(case when is_matured and is_listed then 1 end) as listed_users,
            count(case when not is_matured then 1 end) as waiting_users,
            count(case when is_matured and has_converted then 1 end) as converted
        from listed
        group by campaign_id, variant, arm
    )

select *
from final
