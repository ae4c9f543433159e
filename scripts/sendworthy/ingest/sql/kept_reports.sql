-- One row a report that is kept for the next run, and why. A report may stand in `kept` for two reasons:
-- the first in order counts.
select reason, numbered_reports.* exclude (report)
from numbered_reports
inner join (select report, min(reason) as reason from kept group by report) as kept using (report)
order by all
