-- One row a file of changes: its columns, and those of the list that it is of.
select told_loaded.file, told_loaded.destination, told_loaded.header, any_value(loaded.header) as expected
from told_loaded
inner join loaded using (destination, campaign_id)
group by all
order by all
