-- One row a reason why reports are kept: how many. Of an unknown event, the reason ends with its name. Given:
-- $unknown_event, how such a reason begins; $pattern, which a name matches that may be shown; $other, what
-- stands for every other name.
with each_once as (select report, min(reason) as reason, any_value(event) as event from kept group by report)

select
    case
        when reason = 'unknown_event'
        then $unknown_event || case when regexp_full_match(event, $pattern) then event else $other end
        else reason
    end as why,
    count(*) as reports
from each_once
group by why
order by why
