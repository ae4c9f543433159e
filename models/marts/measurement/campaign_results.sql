{#- The chi-square says little about a few people: below so many expected in an arm, there is no check. -#}
{%- set least_expected_users = 5 -%}
{#- p < 0.001 at one degree of freedom: a false alarm in a thousand checks. -#}
{%- set chi_square_threshold = "10.827566170662733e0" -%}

with
    eligible_users as (select * from {{ ref("int_measurement__eligible_users") }}),

    campaigns as (select * from {{ ref("campaigns") }}),

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

    arms as (
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
    ),

    pairs as (
        select
            campaign_id,
            variant,
            cast(sum(case when arm = 'send' then users else 0 end) as bigint) as send_users,
            cast(sum(case when arm = 'send' then converted else 0 end) as bigint) as send_converted,
            cast(sum(case when arm = 'control' then users else 0 end) as bigint) as control_users,
            cast(sum(case when arm = 'control' then converted else 0 end) as bigint) as control_converted
        from arms
        group by campaign_id, variant
    ),

    shares as (
        select
            campaign_id,
            evaluation,
            -- out of the campaign's holdout and out of the global one: the two are drawn independently
            case
                when is_transactional
                then 0
                else
                    1
                    - (1 - cast(holdout_percent as double) / 100)
                    * (1 - cast({{ var("global_holdout_percent") }} as double) / 100)
            end as expected_control_share
        from campaigns
    ),

    expected as (
        select
            pairs.*,
            shares.evaluation,
            nullif(shares.expected_control_share, 0) as expected_control_share,
            shares.expected_control_share * (pairs.send_users + pairs.control_users) as expected_control,
            (1 - shares.expected_control_share) * (pairs.send_users + pairs.control_users) as expected_send
        from pairs
        inner join shares on pairs.campaign_id = shares.campaign_id
    ),

    compared as (
        select
            *,
            {{ proportion("send_converted", "send_users") }}
            - {{ proportion("control_converted", "control_users") }} as lift,
            {{ newcombe_bound("send_converted", "send_users", "control_converted", "control_users", "-") }}
            as lift_low,
            {{ newcombe_bound("send_converted", "send_users", "control_converted", "control_users", "+") }}
            as lift_high,
            case
                when
                    expected_control >= {{ least_expected_users }}
                    and expected_send >= {{ least_expected_users }}
                then
                    power(control_users - expected_control, 2) / expected_control
                    + power(send_users - expected_send, 2) / expected_send
            end as sample_ratio_chi_square
        from expected
    ),

    final as (
        select
            arms.campaign_id,
            arms.variant,
            arms.arm,
            compared.evaluation,
            arms.users,
            arms.listed_users,
            arms.waiting_users,
            arms.converted,
            {{ proportion("arms.converted", "arms.users") }} as rate,
            {{ wilson_bound("arms.converted", "arms.users", "-") }} as rate_low,
            {{ wilson_bound("arms.converted", "arms.users", "+") }} as rate_high,
            case when arms.arm = 'send' then compared.lift end as lift,
            case when arms.arm = 'send' then compared.lift_low end as lift_low,
            case when arms.arm = 'send' then compared.lift_high end as lift_high,
            compared.expected_control_share,
            {{ proportion("compared.control_users", "(compared.send_users + compared.control_users)") }}
            as control_share,
            compared.sample_ratio_chi_square,
            compared.sample_ratio_chi_square < {{ chi_square_threshold }} as is_sample_ratio_ok
        from arms
        inner join compared on arms.campaign_id = compared.campaign_id and arms.variant = compared.variant
    )

select *
from final
