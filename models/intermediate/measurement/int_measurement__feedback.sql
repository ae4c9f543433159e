{#- Texts are not looked at. What cannot be read is unclear here, though it counts as the worst where it stops messages. -#}
with
    customers as (select user_id from {{ ref("int_users__current") }}),

    erased as (select user_id from {{ ref("int_users__erased") }}),

    events as (select * from {{ ref("int_events__visible") }}),

    ticket_versions as (select * from {{ ref("stg_landing__support_tickets") }}),

    mentions as (select * from {{ ref("stg_landing__social_mentions") }}),

    tickets as (
        select *, {{ lowered(trimmed("category")) }} as category_key
        from ticket_versions
        where updated_at < {{ as_of() }}
    ),

    by_customers as (
        select
            'score' as feedback,
            event_id as feedback_id,
            user_id,
            occurred_at as said_at,
            case
                when feedback_score is null or is_feedback_score_unreadable
                then 'unclear'
                when feedback_score >= 9
                then 'positive'
                when feedback_score <= 6
                then 'negative'
                else 'neutral'
            end as sentiment
        from events
        where event_name = 'feedback_submitted'
        union all
        -- said when a version of the ticket has it first: later versions are about other things
        select
            'satisfaction' as feedback,
            ticket_id as feedback_id,
            user_id,
            min(updated_at) as said_at,
            case when satisfaction = 'good' then 'positive' else 'negative' end as sentiment
        from tickets
        where satisfaction is not null
        group by ticket_id, user_id, satisfaction
        union all
        select
            'complaint' as feedback,
            ticket_id as feedback_id,
            user_id,
            min(created_at) as said_at,
            'negative' as sentiment
        from tickets
        where category_key = 'complaint' and created_at < {{ as_of() }}
        group by ticket_id, user_id
    ),

    final as (
        select
            by_customers.feedback,
            by_customers.feedback_id,
            by_customers.user_id,
            by_customers.said_at,
            cast(null as {{ text_type() }}) as network,
            by_customers.sentiment
        from by_customers
        inner join customers on by_customers.user_id = customers.user_id
        union all
        -- few of them name a customer
        select
            'mention' as feedback,
            mentions.mention_id as feedback_id,
            mentions.user_id,
            mentions.posted_at as said_at,
            {{ lowered(trimmed("mentions.network")) }} as network,
            case
                when mentions.sentiment is null or mentions.is_sentiment_unreadable
                then 'unclear'
                else mentions.sentiment
            end as sentiment
        from mentions
        left join erased on mentions.user_id = erased.user_id
        where mentions.posted_at < {{ as_of() }} and erased.user_id is null
    )

select *
from final
