with
    by_week as (select * from {{ ref("feedback_by_week") }}),

    by_campaign as (select * from {{ ref("campaign_feedback") }}),

    results as (select * from {{ ref("campaign_results") }} where variant = 'all'),

    weeks as (
        select segment as of_whom, feedback
        from by_week
        where
            people <> positive + neutral + negative
            or people < {{ fewest_people() }}
            or statements < people + unclear
            or (segment <> 'all' and people + unclear > users)
            or week <> cast(date_trunc('week', week) as date)
            or (positive_share is null) <> (feedback = 'complaint')
            or (nps is null) <> (feedback <> 'score')
            or positive_share not between positive_share_low
            and positive_share_high
            or nps not between nps_low
            and nps_high
            or nps_low < -1
            or nps_high > 1
    ),

    campaigns as (
        select by_campaign.campaign_id as of_whom, by_campaign.arm as feedback
        from by_campaign
        full join results on by_campaign.campaign_id = results.campaign_id and by_campaign.arm = results.arm
        where
            by_campaign.campaign_id is null
            or results.campaign_id is null
            or by_campaign.users <> results.users
            or by_campaign.unhappy_users > by_campaign.users
            or by_campaign.score_users
            <> by_campaign.promoters + by_campaign.passives + by_campaign.detractors
            or by_campaign.score_users + by_campaign.unclear_score_users > by_campaign.users
            or by_campaign.dissatisfied_users > by_campaign.satisfaction_users
            or by_campaign.negative_mention_users > by_campaign.mention_users
            -- who is unhappy is so in some kind of feedback
            or by_campaign.unhappy_users < greatest(
                by_campaign.detractors,
                by_campaign.dissatisfied_users,
                by_campaign.complaint_users,
                by_campaign.negative_mention_users
            )
            or by_campaign.score_users between 1 and {{ fewest_people() }} - 1
            or by_campaign.satisfaction_users between 1 and {{ fewest_people() }} - 1
            or by_campaign.complaint_users between 1 and {{ fewest_people() }} - 1
            or by_campaign.mention_users between 1 and {{ fewest_people() }} - 1
            or by_campaign.unhappy_difference not between by_campaign.unhappy_difference_low
            and by_campaign.unhappy_difference_high
    ),

    final as (
        select of_whom, feedback
        from weeks
        union all
        select of_whom, feedback
        from campaigns
    )

select *
from final
