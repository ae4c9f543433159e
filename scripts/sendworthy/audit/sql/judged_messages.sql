-- One row a message: its campaign, and a column for each check that is 1 where the message breaks it, else
-- 0. DuckDB and Spark read it alike. Given: judged and proven, tables; columns, of the checks of judged;
-- proof, the column of the check that a message of its kind was rendered without a fault.
select
    judged.campaign_id,
    {% for column in columns %} judged.{{ column }}, {% endfor %}
    cast(proven.pattern is null as integer) as {{ proof }}
from {{ judged }} as judged
left join
    {{ proven }} as proven
    on judged.campaign_id = proven.campaign_id
    and judged.variant = proven.variant
    and judged.pattern = proven.pattern
