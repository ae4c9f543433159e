-- One message of each campaign and variant of which a destination gets any, and how many it gets.
-- Given: `model`, the destination's export, and `message`, its column of the dispatch id.
select
    list.campaign_id,
    min(list.dispatch_id) as dispatch_id,
    arg_min(list.merge_values, list.dispatch_id) as merge_values,
    count(*) as messages
from marts.send_list as list
semi join {{ model | relation }} as delivered on list.dispatch_id = delivered.{{ message | identifier }}
group by list.campaign_id, list.variant
order by list.campaign_id, list.variant
