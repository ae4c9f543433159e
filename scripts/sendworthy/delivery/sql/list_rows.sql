-- One row a row of a file, as create_list_rows.sql has it. Given: $destination, $campaign_id, $file;
-- values, SQL for what a row says in each column, or nothing where the destination does not say it;
-- contents; rows, a query of the file's rows.
select
    $destination as destination,
    $campaign_id as campaign_id,
    $file as file,
    {% for column, value in values.items() %}
        {% if value %} coalesce({{ value }}, '') as {{ column | identifier }},
        {% else %} null as {{ column | identifier }},
        {% endif %}
    {% endfor %}
    {{ contents }} as contents
from ({{ rows }})
