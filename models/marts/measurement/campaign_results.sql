{#- The chi-square says little about a few people: below so many expected in an arm, there is no check. -#}
{%- set least_expected_users = 5 -%}
{#- How often chance alone may ever show an effect, or a split that looks wrong, on any of a campaign's nights. -#}
{%- set chance_of_effect = "0.05e0" -%}
{%- set chance_of_alarm = "0.001e0" -%}
{%- set send = ("send_converted", "send_users") -%}
{%- set control = ("control_converted", "control_users") -%}

with
    arms as (select * from {{ ref("int_measurement__arms") }}),

    comparisons as (select * from {{ ref("int_measurement__comparisons") }}),

    harmed as (
        select distinct campaign_id, arm
        from {{ ref("campaign_metrics") }}
        where segment = 'all' and is_harmed
    ),

    sides as (
        select
            campaign_id,
            variant,
            campaign_arm,
            cast(sum(case when arm = 'send' then users else 0 end) as bigint) as send_users,
            cast(sum(case when arm = 'send' then converted else 0 end) as bigint) as send_converted,
            cast(sum(case when arm = 'control' then users else 0 end) as bigint) as control_users,
            cast(sum(case when arm = 'control' then converted else 0 end) as bigint) as control_converted
        from arms
        group by campaign_id, variant, campaign_arm
    ),

    pairs as (
        select
            sides.campaign_id,
            sides.variant,
            sides.campaign_arm,
            comparisons.arm,
            comparisons.evaluation,
            comparisons.is_against_first,
            comparisons.compared_with,
            comparisons.expected_control_share,
            sides.send_users,
            sides.send_converted,
            case
                when comparisons.is_against_first
                then coalesce(first_sides.send_users, 0)
                else sides.control_users
            end as control_users,
            case
                when comparisons.is_against_first
                then coalesce(first_sides.send_converted, 0)
                else sides.control_converted
            end as control_converted
        from sides
        inner join
            comparisons
            on sides.campaign_id = comparisons.campaign_id
            and sides.campaign_arm is not distinct from comparisons.campaign_arm
        left join
            sides as first_sides
            on comparisons.campaign_id = first_sides.campaign_id
            and comparisons.compared_arm = first_sides.campaign_arm
    ),

    expected as (
        select
            campaign_id,
            variant,
            campaign_arm,
            arm,
            evaluation,
            is_against_first,
            compared_with,
            send_users,
            send_converted,
            control_users,
            control_converted,
            nullif(expected_control_share, 0) as expected_control_share,
            expected_control_share * (send_users + control_users) as expected_control,
            (1 - expected_control_share) * (send_users + control_users) as expected_send
        from pairs
    ),

    quantiles as (
        select
            *,
            {{
                anytime_quantile(
                    "1e0 / nullif(send_users, 0) + 1e0 / nullif(control_users, 0)", chance_of_effect
                )
            }} as effect_quantile,
            {{ anytime_quantile("1e0 / nullif(send_users + control_users, 0)", chance_of_alarm) }}
            as split_quantile
        from expected
    ),

    compared as (
        select
            *,
            {{ proportion("send_converted", "send_users") }}
            - {{ proportion("control_converted", "control_users") }} as lift,
            {{ newcombe_bound(send, control, "-") }} as lift_low,
            {{ newcombe_bound(send, control, "+") }} as lift_high,
            {{ newcombe_bound(send, control, "-", "effect_quantile") }} as anytime_low,
            {{ newcombe_bound(send, control, "+", "effect_quantile") }} as anytime_high,
            case
                when
                    expected_control >= {{ least_expected_users }}
                    and expected_send >= {{ least_expected_users }}
                then
                    power(control_users - expected_control, 2) / expected_control
                    + power(send_users - expected_send, 2) / expected_send
            end as sample_ratio_chi_square
        from quantiles
    ),

    -- what may be acted on, on any night: it comes from the interval that holds on all of them
    judged as (
        select
            compared.*,
            sample_ratio_chi_square < split_quantile * split_quantile as is_sample_ratio_ok,
            case
                when anytime_low is null
                then null
                when sample_ratio_chi_square >= split_quantile * split_quantile
                then 'split_is_wrong'
                -- of an outside campaign whose shares nobody has given, there is nothing to check
                when
                    sample_ratio_chi_square is null
                    and (evaluation <> 'outside' or expected_control_share is not null)
                then 'too_few_users'
                -- whoever had the message, whatever variant of it, is in the guardrails of the whole campaign
                when harmed.campaign_id is not null
                then 'guardrail_is_harmed'
                when anytime_low > 0
                then case when is_against_first then 'better_than_first_arm' else 'better_than_control' end
                when anytime_high < 0
                then case when is_against_first then 'worse_than_first_arm' else 'worse_than_control' end
                else 'not_known_yet'
            end as verdict_reason
        from compared
        left join harmed on compared.campaign_id = harmed.campaign_id and compared.arm = harmed.arm
    ),

    final as (
        select
            arms.campaign_id,
            arms.variant,
            case
                when arms.campaign_arm is null
                then arms.arm
                when arms.arm = 'send'
                then arms.campaign_arm
                else 'control:' || arms.campaign_arm
            end as arm,
            judged.evaluation,
            arms.users,
            arms.listed_users,
            arms.waiting_users,
            arms.converted,
            {{ proportion("arms.converted", "arms.users") }} as rate,
            {{ wilson_bound("arms.converted", "arms.users", "-") }} as rate_low,
            {{ wilson_bound("arms.converted", "arms.users", "+") }} as rate_high,
            case when arms.arm = 'send' then judged.lift end as lift,
            case when arms.arm = 'send' then judged.lift_low end as lift_low,
            case when arms.arm = 'send' then judged.lift_high end as lift_high,
            case when arms.arm = 'send' then judged.anytime_low end as lift_anytime_low,
            case when arms.arm = 'send' then judged.anytime_high end as lift_anytime_high,
            judged.expected_control_share,
            {{ proportion("judged.control_users", "(judged.send_users + judged.control_users)") }}
            as control_share,
            judged.sample_ratio_chi_square,
            judged.is_sample_ratio_ok,
            case
                when arms.arm <> 'send' or judged.verdict_reason is null
                then null
                when judged.verdict_reason in ('better_than_control', 'better_than_first_arm')
                then 'ship'
                when
                    judged.verdict_reason
                    in ('worse_than_control', 'worse_than_first_arm', 'split_is_wrong', 'guardrail_is_harmed')
                then 'stop'
                else 'keep_going'
            end as verdict,
            case when arms.arm = 'send' then judged.verdict_reason end as verdict_reason,
            case
                when arms.arm = 'send' and judged.lift is not null then judged.compared_with
            end as compared_with
        from arms
        inner join
            judged
            on arms.campaign_id = judged.campaign_id
            and arms.variant = judged.variant
            and arms.campaign_arm is not distinct from judged.campaign_arm
        -- where arms are compared with the first one, or with the one control of an outside campaign, nothing
        -- is compared with a control of their own
        where
            arms.arm = 'send'
            or arms.campaign_arm is null
            or not (judged.is_against_first or judged.evaluation = 'outside')
    )

select *
from final
