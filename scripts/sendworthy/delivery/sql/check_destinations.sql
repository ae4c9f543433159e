-- One row a campaign whose messages are not the same for every destination: how many of them. Given:
-- columns, which all destinations say of a message.
with
    -- a destination that leaves messages out has none that the others do not have
    lists as (select campaign_id, destination, sum(left_out) = 0 as is_whole from loaded group by all),

    whole as (select campaign_id, count(*) filter (where is_whole) as lists from lists group by campaign_id),

    messages as (
        select
            campaign_id,
            {% for column in columns %} {{ column | identifier }}, {% endfor %}
            count(distinct destination) filter (where is_whole) as lists
        from delivered
        inner join lists using (campaign_id, destination)
        group by all
    )

select campaign_id, count(*) as messages
from messages
inner join whole using (campaign_id)
where messages.lists < whole.lists
group by campaign_id
order by campaign_id
