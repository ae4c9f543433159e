-- One row a reason why reports are refused: how many.
select case when channels is null then 'no_channel' else 'no_time' end as reason, count(*) as reports
from understood
where
    event_types is not null
    and (channels is null or (occurred_at is null and not is_about_an_address(event_types)))
group by reason
order by reason
