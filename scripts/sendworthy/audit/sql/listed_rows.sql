-- The rows of some messages as a destination gets them.
-- Given: `model` and `message` as in message_of_each_variant.sql; `columns`, those of the file; and
-- $messages, the dispatch ids.
select
    {{ message | identifier }} as list_message,
    {% for column in columns %} {{ column | identifier }}, {% endfor %}
from {{ model | relation }}
where list_contains($messages, {{ message | identifier }})
