-- One row a row of a destination's lists whose message was taken back, without the message. Given: the
-- export model and its two key columns; cells, SQL for each column of the file.
select
    {% for column, cell in cells.items() %} {{ cell }} as {{ column | identifier }}, {% endfor %}
    {{ campaign_column | identifier }} as row_campaign,
    {{ message_column | identifier }} as row_key
from {{ model | relation }}
where {{ message_column | identifier }} in (select dispatch_id from taken_back)
