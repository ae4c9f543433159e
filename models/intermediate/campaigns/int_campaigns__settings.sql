with
    campaigns as (select * from {{ ref("campaigns") }}),

    final as (
        select
            campaign_id,
            kind,
            channel,
            topic,
            content_group,
            audience_segment,
            {{ split_list("also_segments") }} as also_segments,
            {{ split_list("excluded_segments") }} as excluded_segments,
            trigger_event,
            -- whose message a later step of a journey follows
            nullif(
                {{ first_match("trigger_event", "^message_[a-z_]+:(.+)\\z", 1) }}, ''
            ) as previous_campaign_id,
            coalesce(min_age_hours, 0) * 3600 as min_age_seconds,
            max_age_hours * 3600 as max_age_seconds,
            {{ split_list("cancel_on") }} as cancel_on,
            cooldown_days,
            priority,
            holdout_percent,
            pilot_percent,
            {{ list_size(split_list("arms")) }} > 0 as has_arms,
            send_hour_local,
            is_transactional,
            -- an empty group is a group of its own
            coalesce('group:' || content_group, 'campaign:' || campaign_id) as content_key,
            -- without a trigger, the age of these kinds counts from the sign-up
            trigger_event is null and kind in ('welcome', 'onboarding') as is_aged_from_signup,
            coalesce(valid_from <= cast({{ as_of() }} as date), true)
            and coalesce(valid_to >= cast({{ as_of() }} as date), true) as is_in_force
        from campaigns
    )

select *
from final
