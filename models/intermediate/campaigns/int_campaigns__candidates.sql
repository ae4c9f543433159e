{%- set is_in_audience -%}
    (in_force.audience_segment is null or {{ list_has("customers.segments", "in_force.audience_segment") }})
    and {{ list_has_all("customers.segments", "in_force.also_segments") }}
{%- endset -%}

with
    campaigns as (select * from {{ ref("int_campaigns__settings") }}),

    customers as (select * from {{ ref("int_customers__segments") }}),

    newest_events as (select * from {{ ref("int_events__newest_by_name") }}),

    in_force as (select * from campaigns where is_in_force),

    triggered as (
        select in_force.campaign_id, customers.user_id, newest_events.newest_at as trigger_at
        from in_force
        inner join newest_events on in_force.trigger_event = newest_events.event_name
        inner join customers on newest_events.user_id = customers.user_id
        where {{ within_days("newest_events.newest_at", 90) }} and {{ is_in_audience }}
    ),

    untriggered as (
        select in_force.campaign_id, customers.user_id, cast(null as timestamp) as trigger_at
        from in_force
        inner join customers on {{ is_in_audience }}
        where in_force.trigger_event is null
    ),

    final as (
        {% if is_taking_back() %}
            -- the gates judge once more what is dispatched, each message from its own trigger on
            select campaign_id, user_id, trigger_at from ({{ dispatches_in_question() }}) as dispatches
        {% else %}
            select campaign_id, user_id, trigger_at
            from triggered
            union all
            select campaign_id, user_id, trigger_at
            from untriggered
        {% endif %}
    )

select *
from final
