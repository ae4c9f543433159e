-- One row a file of changes: its columns, and those of the list that it is of.
select
    loaded_changes.file,
    loaded_changes.destination,
    loaded_changes.header,
    any_value(loaded.header) as expected
from loaded_changes
inner join loaded using (destination, campaign_id)
group by all
order by all
