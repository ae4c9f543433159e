with
    events as (select * from {{ ref("int_events__visible") }}),

    final as (
        select
            user_id,
            min(occurred_at) as first_event_at,
            min(case when event_name = 'signed_up' then occurred_at end) as first_signed_up_at,

            -- being somewhere is not being active
            max(case when event_name <> 'location_ping' then occurred_at end) as last_active_at,
            count(
                distinct case
                    when event_name <> 'location_ping' and {{ within_days("occurred_at", 30) }}
                    then cast(occurred_at as date)
                end
            ) as active_days_30,

            count(
                case when event_name = 'order_completed' and {{ within_days("occurred_at", 365) }} then 1 end
            ) as orders_365,
            coalesce(
                sum(
                    case
                        when event_name = 'order_completed' and {{ within_days("occurred_at", 365) }}
                        then {{ as_money("order_total") }}
                    end
                ),
                0
            ) as order_value_365,
            max(case when event_name = 'order_completed' then occurred_at end) as last_order_at,
            max(case when event_name = 'order_completed' then occurred_until end) as last_order_until,
            max(case when event_name = 'order_refunded' then occurred_at end) as last_refunded_at,
            max(case when event_name = 'payment_failed' then occurred_at end) as last_payment_failed_at,
            max(case when event_name = 'app_installed' then occurred_at end) as last_installed_at,
            max(case when event_name = 'onboarding_completed' then occurred_at end) as last_onboarded_at,
            max(case when event_name = 'subscription_cancelled' then occurred_at end) as last_cancelled_at,
            max(case when event_name = 'subscription_started' then occurred_at end) as last_subscribed_at,
            max(
                case when event_name = 'feedback_submitted' and feedback_score <= 6 then occurred_at end
            ) as last_low_score_at,
            {{
                newest(
                    "feedback_score",
                    "occurred_at",
                    "event_id",
                    "event_name = 'feedback_submitted' and feedback_score is not null",
                )
            }} as last_feedback_score,
            max(
                case when event_name = 'feedback_submitted' and feedback_score >= 9 then occurred_at end
            ) as last_good_score_at,
            max(
                case when event_name = 'feedback_submitted' and feedback_score < 9 then occurred_at end
            ) as last_other_score_at,

            -- the newest event speaks, even where it does not know the product's name
            {{ newest("product_name", "occurred_at", "event_id", "event_name = 'product_viewed'") }}
            as last_viewed_product_name,
            {{ newest("product_name", "occurred_at", "event_id", "event_name = 'cart_item_added'") }}
            as cart_product_name,
            {{ newest("product_name", "occurred_at", "event_id", "event_name = 'order_completed'") }}
            as last_order_product_name
        from events
        group by user_id
    )

select *
from final
