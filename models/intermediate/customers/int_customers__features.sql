with
    users as (select * from {{ ref("int_users__current") }}),

    events as (select * from {{ ref("int_events__by_user") }}),

    product_interest as (select * from {{ ref("int_events__product_interest") }}),

    pending_refunds as (select * from {{ ref("int_events__pending_refunds") }}),

    onboarding as (select * from {{ ref("int_events__onboarding") }}),

    nearest_places as (select * from {{ ref("int_events__nearest_place") }}),

    merge_fields as (select * from {{ ref("int_customers__merge_fields") }}),

    tickets as (select * from {{ ref("int_support__tickets_by_user") }}),

    mentions as (select * from {{ ref("int_support__mentions_by_user") }}),

    messages as (select * from {{ ref("int_messages__by_user") }}),

    night as (select * from {{ ref("int_nights__as_of") }}),

    signed_up as (
        select
            users.user_id,
            case
                when users.signed_up_at < {{ as_of() }} then users.signed_up_at else events.first_signed_up_at
            end as signed_up_at
        from users
        left join events on users.user_id = events.user_id
    ),

    final as (
        select
            users.user_id,
            night.as_of,
            signed_up.signed_up_at,
            signed_up.signed_up_at is null as is_signup_date_missing,
            events.first_event_at as first_seen_at,
            events.last_active_at,
            coalesce(events.active_days_30, 0) as active_days_30,
            coalesce(events.orders_365, 0) as orders_365,
            coalesce(events.order_value_365, 0) as order_value_365,
            events.last_order_at,
            events.last_refunded_at,
            events.last_payment_failed_at,
            events.last_installed_at,
            events.last_onboarded_at,
            events.last_cancelled_at,
            events.last_subscribed_at,
            events.last_low_score_at,
            events.last_feedback_score,
            -- verdicts: satisfactions with support, and scores; of two in one moment the worse counts
            greatest(events.last_good_score_at, tickets.last_good_satisfaction_at) as last_good_verdict_at,
            greatest(events.last_other_score_at, tickets.last_bad_satisfaction_at) as last_other_verdict_at,
            coalesce(product_interest.products_of_interest, 0) as products_of_interest,
            coalesce(pending_refunds.pending_refunds, 0) as pending_refunds,
            coalesce(onboarding.is_slow, false) as is_onboarding_slow,
            nearest_places.place_name,
            {{ is_positive_number("merge_fields.loyalty_points") }} as has_loyalty_points,
            coalesce(tickets.open_tickets, 0) as open_tickets,
            tickets.last_ticket_at,
            tickets.last_complaint_at,
            tickets.last_billing_ticket_at,
            tickets.last_bad_satisfaction_at,
            tickets.last_satisfaction,
            mentions.last_negative_mention_at,
            coalesce(messages.sends_7, 0) as sends_7,
            coalesce(messages.sends_30, 0) as sends_30,
            coalesce(messages.sends_90, 0) as sends_90,
            messages.last_opened_at,
            messages.last_engaged_at,
            users.max_messages_per_week,
            users.timezone
        from users
        cross join night
        inner join signed_up on users.user_id = signed_up.user_id
        left join events on users.user_id = events.user_id
        left join product_interest on users.user_id = product_interest.user_id
        left join pending_refunds on users.user_id = pending_refunds.user_id
        left join onboarding on users.user_id = onboarding.user_id
        left join nearest_places on users.user_id = nearest_places.user_id
        left join merge_fields on users.user_id = merge_fields.user_id
        left join tickets on users.user_id = tickets.user_id
        left join mentions on users.user_id = mentions.user_id
        left join messages on users.user_id = messages.user_id
    )

select *
from final
