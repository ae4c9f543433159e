{#- Each user of a campaign is counted once, at the step that stopped them first; candidates = all the others together. -#}
with
    decisions as (select * from {{ ref("campaign_decisions") }}),

    named as (
        select
            campaign_id,
            decision,
            primary_reason,
            case
                when decision <> 'suppress'
                then decision
                when primary_reason like 'unreadable:%'
                then 'readable'
                when primary_reason = 'unreachable'
                then 'address'
                when primary_reason in ('hard_bounced', 'complained')
                then 'deliverability'
                when primary_reason in ('channel_opt_out', 'consent_unknown', 'topic_opt_out')
                then 'consent'
                when primary_reason = 'globally_suppressed'
                then 'suppression'
                when primary_reason like 'excluded:%'
                then 'exclusion'
                when primary_reason like 'exception:%'
                then 'exception'
                when primary_reason in ('signup_unknown', 'too_soon', 'too_late')
                then 'timing'
                when primary_reason = 'cooldown'
                then 'cooldown'
                when primary_reason = 'incomplete_personalization'
                then 'personalization'
                when primary_reason in ('outside_pilot', 'holdout')
                then 'experiment'
                when primary_reason in ('duplicate_address', 'same_content', 'channel_cap', 'total_cap')
                then 'arbitration'
            end as step
        from decisions
    ),

    steps as (
        select campaign_id, 'candidates' as step, cast(null as {{ text_type() }}) as reason, count(*) as users
        from decisions
        group by campaign_id
        union all
        select campaign_id, step, primary_reason as reason, count(*) as users
        from named
        group by campaign_id, step, primary_reason
    ),

    final as (
        select
            campaign_id,
            step,
            reason,
            users,
            case
                step
                when 'candidates'
                then 0
                when 'readable'
                then 1
                when 'address'
                then 2
                when 'deliverability'
                then 3
                when 'consent'
                then 4
                when 'suppression'
                then 5
                when 'exclusion'
                then 6
                when 'exception'
                then 7
                when 'timing'
                then 8
                when 'cooldown'
                then 9
                when 'personalization'
                then 10
                when 'experiment'
                then 11
                when 'control'
                then 12
                when 'arbitration'
                then 13
                when 'send'
                then 14
            end as step_number
        from steps
    )

select *
from final
