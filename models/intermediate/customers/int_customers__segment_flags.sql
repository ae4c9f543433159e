{#-
    A segment is one line: `<condition> as is_<segment>,`. Campaigns can name it as soon as it stands here.
    A condition whose input is unknown must come out false: has(...) and in_last(time, days) see to that.
-#}
with
    customers as (select * from {{ ref("int_customers__lifecycle") }}),

    final as (
        select
            -- fmt: off
            lifecycle_stage = 'new' as is_new,
            lifecycle_stage = 'active' as is_active,
            lifecycle_stage = 'lapsing' as is_lapsing,
            lifecycle_stage = 'lapsed' as is_lapsed,
            engagement_level = 'loyal' as is_loyal,
            engagement_level = 'engaged' as is_engaged,
            engagement_level = 'casual' as is_casual,
            engagement_level = 'dormant' as is_dormant,
            open_tickets > 0 as is_has_open_ticket,
            {{ in_last("greatest(last_complaint_at, last_bad_satisfaction_at, last_low_score_at, last_negative_mention_at)", 30) }} as is_recent_complaint,
            {{ in_last("last_negative_mention_at", 30) }} as is_negative_on_social,
            pending_refunds > 0 as is_refund_pending,
            {{ in_last("last_refunded_at", 14) }} and pending_refunds = 0 as is_refunded_recently,
            {{ in_last("greatest(last_payment_failed_at, last_billing_ticket_at)", 60) }} as is_billing_trouble,
            is_onboarding_slow as is_slow_onboarding,
            last_onboarded_at is not null as is_onboarded,
            products_of_interest > 0 as is_interested_not_bought,
            place_name is not null as is_near_place,
            has_loyalty_points as is_has_points,
            {{ in_last("last_installed_at", 7) }} as is_recently_installed,
            {{ in_last("last_good_verdict_at", 180) }} and not {{ has("last_other_verdict_at >= last_good_verdict_at") }} and not is_recent_complaint as is_satisfied,
            {{ has("last_cancelled_at is not null and (last_subscribed_at is null or last_subscribed_at < last_cancelled_at)") }} as is_cancelled,
            sends_90 >= 10 and not {{ in_last("last_engaged_at", 90) }} as is_unengaged,
            cast(is_billing_trouble as integer) + cast(is_slow_onboarding as integer) + cast(is_lapsing as integer) + cast(is_recent_complaint as integer) >= 2 as is_churn_risk,
            is_signup_date_missing as is_signup_date_missing,
            -- fmt: on
            user_id
        from customers
    )

select *
from final
