with
    customers as (select * from {{ ref("int_customers__lifecycle") }}),

    segments as (select * from {{ ref("int_customers__segments") }}),

    final as (
        select
            customers.user_id,
            customers.signed_up_at,
            customers.is_signup_date_missing,
            customers.first_seen_at,
            customers.last_active_at,
            customers.active_days_30,
            customers.lifecycle_stage,
            customers.engagement_level,
            segments.segments,
            customers.orders_365,
            customers.order_value_365,
            customers.last_order_at,
            customers.last_refunded_at,
            customers.last_payment_failed_at,
            customers.last_installed_at,
            customers.last_cancelled_at,
            customers.last_subscribed_at,
            customers.last_low_score_at,
            customers.last_feedback_score,
            customers.products_of_interest,
            customers.pending_refunds,
            customers.is_onboarding_slow,
            customers.place_name,
            customers.open_tickets,
            customers.last_ticket_at,
            customers.last_complaint_at,
            customers.last_billing_ticket_at,
            customers.last_bad_satisfaction_at,
            customers.last_satisfaction,
            customers.last_negative_mention_at,
            customers.sends_7,
            customers.sends_30,
            customers.sends_90,
            customers.last_opened_at,
            customers.last_engaged_at,
            customers.max_messages_per_week,
            customers.timezone
        from customers
        inner join segments on customers.user_id = segments.user_id
    )

select *
from final
