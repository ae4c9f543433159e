{#- One row too new is enough to show that a rule looked ahead. A dispatch that is not yet due is no such case. -#}
{%- set times = [
    "signed_up_at",
    "first_seen_at",
    "last_active_at",
    "last_order_at",
    "last_refunded_at",
    "last_payment_failed_at",
    "last_installed_at",
    "last_cancelled_at",
    "last_subscribed_at",
    "last_low_score_at",
    "last_ticket_at",
    "last_complaint_at",
    "last_billing_ticket_at",
    "last_bad_satisfaction_at",
    "last_negative_mention_at",
    "last_opened_at",
    "last_engaged_at",
] %}

with
    customers as (select * from {{ ref("customers") }}),

    decisions as (select * from {{ ref("campaign_decisions") }}),

    newest as (
        {%- for time in times %}
            select 'customers.{{ time }}' as time_of, max({{ time }}) as newest_at
            from customers
            union all
        {%- endfor %}
        select 'campaign_decisions.trigger_at' as time_of, max(trigger_at) as newest_at
        from decisions
    ),

    final as (select time_of, newest_at from newest where newest_at >= {{ as_of() }})

select *
from final
