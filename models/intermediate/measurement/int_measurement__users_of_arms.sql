{{ config(materialized="view") }}

with
    eligible_users as (select * from {{ ref("int_measurement__eligible_users") }}),

    shares as (select * from {{ ref("int_measurement__shares") }} where campaign_arm is not null),

    final as (
        select
            eligible_users.campaign_id,
            eligible_users.user_id,
            shares.campaign_arm,
            eligible_users.arm,
            eligible_users.is_listed,
            eligible_users.is_matured,
            eligible_users.has_converted
        from eligible_users
        -- those arms that there still are
        inner join
            shares
            on eligible_users.campaign_id = shares.campaign_id
            and eligible_users.campaign_arm = shares.campaign_arm
        union all
        select
            eligible_users.campaign_id,
            eligible_users.user_id,
            shares.campaign_arm,
            eligible_users.arm,
            eligible_users.is_listed,
            eligible_users.is_matured,
            eligible_users.has_converted
        from eligible_users
        -- in an outside campaign all arms have one control
        inner join shares on eligible_users.campaign_id = shares.campaign_id
        where shares.evaluation = 'outside' and eligible_users.arm = 'control'
    )

select *
from final
