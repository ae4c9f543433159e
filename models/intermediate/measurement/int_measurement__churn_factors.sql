{#- What is known of each person before the reference date; nothing at or after it counts. -#}
with
    people as (select * from {{ ref("int_measurement__churn_cohorts") }}),

    events as (select * from {{ ref("int_events__visible") }}),

    active_days as (select * from {{ ref("int_events__active_days") }}),

    onboarding as (select * from {{ ref("int_events__onboarding") }}),

    ticket_versions as (select * from {{ ref("stg_landing__support_tickets") }}),

    mentions as (select * from {{ ref("stg_landing__social_mentions") }}),

    reports as (select * from {{ ref("int_messages__reports") }}),

    sent as (select * from {{ ref("int_messages__sent") }}),

    -- every version of a ticket speaks: what was known before somebody left may have been overwritten since
    tickets as (
        select *, {{ lowered(trimmed("category")) }} as category_key
        from ticket_versions
        where updated_at < {{ as_of() }}
    ),

    signs as (
        select
            user_id,
            case
                when event_name = 'feedback_submitted' then 'low_feedback_score' else event_name
            end as factor,
            occurred_at
        from events
        where
            event_name in ('payment_failed', 'return_requested')
            or (event_name = 'feedback_submitted' and feedback_score <= 6)
        union all
        select user_id, category_key || '_ticket' as factor, created_at as occurred_at
        from tickets
        where category_key in ('billing', 'complaint')
        union all
        select user_id, 'bad_satisfaction' as factor, updated_at as occurred_at
        from tickets
        where satisfaction = 'bad'
        union all
        select user_id, 'negative_mention' as factor, posted_at as occurred_at
        from mentions
        where sentiment = 'negative' and user_id is not null
        union all
        select user_id, 'unsubscribed' as factor, occurred_at
        from reports
        where event_type = 'unsubscribed'
    ),

    signs_before as (
        select people.user_id, signs.factor
        from people
        inner join signs on people.user_id = signs.user_id
        where {{ within_days("signs.occurred_at", 60, "people.reference_at") }}
        group by people.user_id, signs.factor
    ),

    -- as it stood on the reference date
    onboarding_before as (
        select
            people.user_id,
            case
                when onboarding.started_at is null
                then 'no_onboarding'
                when
                    {{
                        is_slow(
                            seconds_between(
                                "onboarding.started_at",
                                "coalesce(case when onboarding.completed_at < people.reference_at then onboarding.completed_at end, people.reference_at)",
                            ),
                            "onboarding.median_seconds",
                        )
                    }}
                    and coalesce(
                        onboarding.completed_at >= {{ days_before("people.reference_at", 60) }}, true
                    )
                then 'slow_onboarding'
            end as factor
        from people
        left join
            onboarding on people.user_id = onboarding.user_id and onboarding.started_at < people.reference_at
    ),

    active as (
        select distinct people.user_id
        from people
        inner join active_days on people.user_id = active_days.user_id
        where {{ active_within("people.reference_at", 30) }}
    ),

    inactive as (
        select people.user_id, 'inactivity' as factor
        from people
        left join active on people.user_id = active.user_id
        where active.user_id is null
    ),

    much_mailed as (
        select people.user_id, 'many_messages' as factor
        from people
        inner join sent on people.user_id = sent.user_id
        where {{ within_days("sent.sent_at", 30, "people.reference_at") }}
        group by people.user_id
        having count(*) >= 10
    ),

    final as (
        select user_id, factor
        from signs_before
        union all
        select user_id, factor
        from onboarding_before
        where factor is not null
        union all
        select user_id, factor
        from inactive
        union all
        select user_id, factor
        from much_mailed
    )

select *
from final
