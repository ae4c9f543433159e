with
    eligible_users as (select * from {{ ref("int_measurement__eligible_users") }}),

    users_of_arms as (select * from {{ ref("int_measurement__users_of_arms") }}),

    -- each user in the row of their variant, of the whole campaign, and of their arm of the campaign
    listed as (
        select
            campaign_id,
            variant,
            cast(null as {{ text_type() }}) as campaign_arm,
            arm,
            is_listed,
            is_matured,
            has_converted
        from eligible_users
        -- a template called all would be counted twice in one row
        where variant is not null and variant <> 'all'
        union all
        select
            campaign_id,
            'all' as variant,
            cast(null as {{ text_type() }}) as campaign_arm,
            arm,
            is_listed,
            is_matured,
            has_converted
        from eligible_users
        union all
        select campaign_id, 'all' as variant, campaign_arm, arm, is_listed, is_matured, has_converted
        from users_of_arms
    ),

    final as (
        select
            campaign_id,
            variant,
            campaign_arm,
            arm,
            count(case when is_matured then 1 end) as users,
            count(case when is_matured and is_listed then 1 end) as listed_users,
            count(case when not is_matured then 1 end) as waiting_users,
            count(case when is_matured and has_converted then 1 end) as converted
        from listed
        group by campaign_id, variant, campaign_arm, arm
    )

select *
from final
