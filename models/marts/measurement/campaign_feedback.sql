{#-
    The same people in the same rows as in campaign_results, and what they said on the days on which a success counts. Whoever is
    asked may answer or not, and a message may change who does: unhappy_share is of all users of a row, so that rows can be compared.
-#}
{#- How often chance alone may ever show a difference, on any of a campaign's nights. -#}
{%- set chance_of_difference = "0.05e0" -%}
{%- set mine = ("unhappy_users", "users") -%}
{%- set others = ("compared_unhappy_users", "compared_users") -%}

with
    results as (
        select campaign_id, arm, users, compared_with from {{ ref("campaign_results") }} where variant = 'all'
    ),

    eligible_users as (select * from {{ ref("int_measurement__eligible_users") }}),

    said as (select * from {{ ref("int_measurement__feedback") }}),

    numbered as (
        select
            eligible_users.campaign_id,
            eligible_users.campaign_arm,
            eligible_users.arm,
            said.user_id,
            said.feedback,
            said.sentiment,
            {{ newest_said("eligible_users.campaign_id, said.user_id, said.feedback") }} as age_number
        from eligible_users
        inner join
            said
            on eligible_users.user_id = said.user_id
            and said.said_at >= eligible_users.starts_at
            and said.said_at < eligible_users.ends_at
        where eligible_users.is_matured
    ),

    -- the newest of each kind
    by_user as (
        select
            campaign_id,
            campaign_arm,
            arm,
            user_id,
            max(case when feedback = 'score' then sentiment end) as score,
            max(case when feedback = 'satisfaction' then sentiment end) as satisfaction,
            max(case when feedback = 'complaint' then sentiment end) as complaint,
            max(case when feedback = 'mention' then sentiment end) as mention,
            max(case when sentiment = 'negative' then 1 else 0 end) as is_unhappy
        from numbered
        where age_number = 1
        group by campaign_id, campaign_arm, arm, user_id
    ),

    -- each user in the row of the whole campaign, and in that of their arm of the campaign
    listed as (
        select campaign_id, arm, score, satisfaction, complaint, mention, is_unhappy
        from by_user
        union all
        select
            campaign_id,
            case when arm = 'send' then campaign_arm else 'control:' || campaign_arm end as arm,
            score,
            satisfaction,
            complaint,
            mention,
            is_unhappy
        from by_user
        where campaign_arm is not null
    ),

    spoke as (
        select
            campaign_id,
            arm,
            count(case when score <> 'unclear' then 1 end) as score_users,
            count(case when score = 'positive' then 1 end) as promoters,
            count(case when score = 'neutral' then 1 end) as passives,
            count(case when score = 'negative' then 1 end) as detractors,
            count(case when score = 'unclear' then 1 end) as unclear_score_users,
            count(satisfaction) as satisfaction_users,
            count(case when satisfaction = 'negative' then 1 end) as dissatisfied_users,
            count(complaint) as complaint_users,
            count(case when mention <> 'unclear' then 1 end) as mention_users,
            count(case when mention = 'negative' then 1 end) as negative_mention_users,
            cast(sum(is_unhappy) as bigint) as unhappy_users
        from listed
        group by campaign_id, arm
    ),

    counted as (
        select
            results.campaign_id,
            results.arm,
            results.users,
            results.compared_with,
            {%- for count in [
                "score_users",
                "promoters",
                "passives",
                "detractors",
                "unclear_score_users",
                "satisfaction_users",
                "dissatisfied_users",
                "complaint_users",
                "mention_users",
                "negative_mention_users",
            ] %}
                coalesce(spoke.{{ count }}, 0) as {{ count }},
            {%- endfor %}
            coalesce(spoke.unhappy_users, 0) as unhappy_users
        from results
        left join spoke on results.campaign_id = spoke.campaign_id and results.arm = spoke.arm
    ),

    shown as (
        select
            campaign_id,
            arm,
            users,
            compared_with,
            {%- for count, people in [
                ("promoters", "score_users"),
                ("passives", "score_users"),
                ("detractors", "score_users"),
                ("score_users", "score_users"),
                ("dissatisfied_users", "satisfaction_users"),
                ("satisfaction_users", "satisfaction_users"),
                ("complaint_users", "complaint_users"),
                ("negative_mention_users", "mention_users"),
                ("mention_users", "mention_users"),
                ("unhappy_users", "users"),
            ] %}
                {{ shown_count("counted." ~ count, "counted." ~ people) }} as {{ count }},
            {%- endfor %}
            unclear_score_users
        from counted
    ),

    compared as (
        select
            shown.*,
            others.unhappy_users as compared_unhappy_users,
            others.users as compared_users,
            {{
                anytime_quantile(
                    "1e0 / nullif(shown.users, 0) + 1e0 / nullif(others.users, 0)", chance_of_difference
                )
            }} as quantile
        from shown
        left join
            shown as others on shown.campaign_id = others.campaign_id and shown.compared_with = others.arm
    ),

    final as (
        select
            campaign_id,
            arm,
            users,
            unhappy_users,
            {{ proportion("unhappy_users", "users") }} as unhappy_share,
            {{ wilson_bound("unhappy_users", "users", "-") }} as unhappy_share_low,
            {{ wilson_bound("unhappy_users", "users", "+") }} as unhappy_share_high,
            compared_with,
            {{ proportion("unhappy_users", "users") }}
            - {{ proportion("compared_unhappy_users", "compared_users") }} as unhappy_difference,
            {{ newcombe_bound(mine, others, "-", "quantile") }} as unhappy_difference_low,
            {{ newcombe_bound(mine, others, "+", "quantile") }} as unhappy_difference_high,
            score_users,
            promoters,
            passives,
            detractors,
            unclear_score_users,
            {{ proportion("promoters", "score_users") }}
            - {{ proportion("detractors", "score_users") }} as nps,
            {{ nps_bound("promoters", "detractors", "score_users", "-") }} as nps_low,
            {{ nps_bound("promoters", "detractors", "score_users", "+") }} as nps_high,
            satisfaction_users,
            dissatisfied_users,
            complaint_users,
            mention_users,
            negative_mention_users
        from compared
    )

select *
from final
