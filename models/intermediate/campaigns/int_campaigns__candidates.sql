{%- set is_in_audience -%}
    (in_force.audience_segment is null or {{ list_has("customers.segments", "in_force.audience_segment") }})
    and {{ list_has_all("customers.segments", "in_force.also_segments") }}
{%- endset -%}

with
    campaigns as (select * from {{ ref("int_campaigns__settings") }}),

    customers as (select * from {{ ref("int_customers__segments") }}),

    triggers as (select * from {{ ref("int_events__triggers") }}),

    arms as (select * from {{ ref("int_campaigns__arms") }}),

    in_force as (select * from campaigns where is_in_force),

    triggered as (
        select in_force.campaign_id, customers.user_id, triggers.trigger_at
        from in_force
        inner join
            triggers
            on in_force.trigger_event = triggers.trigger_event
            and in_force.min_age_seconds = triggers.min_age_seconds
        inner join customers on triggers.user_id = customers.user_id
        where {{ is_in_audience }}
    ),

    untriggered as (
        select in_force.campaign_id, customers.user_id, cast(null as timestamp) as trigger_at
        from in_force
        inner join customers on {{ is_in_audience }}
        where in_force.trigger_event is null
    ),

    considered as (
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
    ),

    drawn as (
        select
            considered.*,
            case
                when campaigns.has_arms
                then {{ bucket("'arm:' || considered.campaign_id", "considered.user_id") }}
            end as arm_bucket
        from considered
        left join campaigns on considered.campaign_id = campaigns.campaign_id
    ),

    final as (
        select drawn.campaign_id, drawn.user_id, drawn.trigger_at, arms.arm
        from drawn
        left join
            arms
            on drawn.campaign_id = arms.campaign_id
            and drawn.arm_bucket >= arms.first_bucket
            and drawn.arm_bucket < arms.end_bucket
    )

select *
from final
