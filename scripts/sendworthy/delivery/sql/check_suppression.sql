-- One row a file with messages to people on the suppression list, or to people whom the published file
-- does not know.
with
    judged as (
        select
            delivered.file,
            customers.user_id is null as is_gone,
            coalesce(channels.is_suppressed, false) as is_suppressed
        from delivered
        left join settings.campaigns as campaigns using (campaign_id)
        left join marts.customers as customers on delivered.user_id = customers.user_id
        left join
            intermediate.int_users__channels as channels
            on delivered.user_id = channels.user_id
            and campaigns.channel = channels.channel
    )

select file, count(*) filter (where is_gone) as gone, count(*) filter (where is_suppressed) as suppressed
from judged
group by file
having gone + suppressed > 0
order by file
