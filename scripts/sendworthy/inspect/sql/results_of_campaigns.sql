-- a row per campaign and variant that has results, the whole campaign first: send beside control; behind the
-- whole campaign its arms, each beside what it is compared with
with
    results as (from marts.campaign_results),

    send as (from results where arm = 'send'),

    control as (from results where arm = 'control'),

    whole as (
        select
            campaign_id,
            variant,
            null as arm,
            0 as arm_number,
            coalesce(send.users, 0) as users,
            coalesce(control.users, 0) as control_users,
            coalesce(send.waiting_users, 0) + coalesce(control.waiting_users, 0) as waiting_users,
            send.rate,
            control.rate as control_rate,
            send.lift,
            send.lift_anytime_low as lift_low,
            send.lift_anytime_high as lift_high,
            send.verdict,
            send.verdict_reason as reason,
            send.compared_with
        from send
        full join control using (campaign_id, variant)
    ),

    of_arms as (
        select
            results.campaign_id,
            results.variant,
            results.arm,
            arms.arm_number,
            results.users,
            coalesce(compared.users, 0) as control_users,
            results.waiting_users + coalesce(compared.waiting_users, 0) as waiting_users,
            results.rate,
            compared.rate as control_rate,
            results.lift,
            results.lift_anytime_low as lift_low,
            results.lift_anytime_high as lift_high,
            results.verdict,
            results.verdict_reason as reason,
            results.compared_with
        from results
        inner join
            intermediate.int_measurement__shares as arms
            on results.campaign_id = arms.campaign_id
            and results.arm = arms.campaign_arm
        left join
            results as compared
            on results.campaign_id = compared.campaign_id
            and results.variant = compared.variant
            and results.compared_with = compared.arm
    )

select * exclude (arm_number)
from
    (
        from whole
        union all by name
        from of_arms
    )
order by campaign_id, variant <> 'all', variant, arm_number
