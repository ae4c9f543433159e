with
    eligible_users as (select * from {{ ref("int_measurement__eligible_users") }}),

    shares as (select * from {{ ref("int_measurement__shares") }}),

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
        select
            eligible_users.campaign_id,
            'all' as variant,
            shares.campaign_arm,
            eligible_users.arm,
            eligible_users.is_listed,
            eligible_users.is_matured,
            eligible_users.has_converted
        from eligible_users
        -- those arms that there still are; in an outside campaign all of them have one control
        inner join
            shares
            on eligible_users.campaign_id = shares.campaign_id
            and (
                eligible_users.campaign_arm = shares.campaign_arm
                or (
                    shares.evaluation = 'outside'
                    and shares.campaign_arm is not null
                    and eligible_users.arm = 'control'
                )
            )
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
