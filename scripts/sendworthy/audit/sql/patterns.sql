-- One row a kind of message: its campaign, variant and pattern, how many messages, and the merge values of
-- one of them. DuckDB and Spark read it alike. Given: judged, a table of messages with their patterns.
with
    patterns as (
        select campaign_id, variant, pattern, count(*) as messages, min(dispatch_id) as dispatch_id
        from {{ judged }}
        group by campaign_id, variant, pattern
    )

select
    patterns.campaign_id,
    patterns.variant,
    patterns.pattern,
    patterns.messages,
    min(list.merge_values) as merge_values
from patterns
left join
    marts.send_list as list
    on patterns.dispatch_id = list.dispatch_id
    and patterns.campaign_id = list.campaign_id
    and patterns.variant = list.variant
group by patterns.campaign_id, patterns.variant, patterns.pattern, patterns.messages
order by patterns.campaign_id, patterns.variant, patterns.pattern
