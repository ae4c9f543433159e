-- One row a report that an earlier run has kept. Given: columns, of a report; types, their types as the
-- reader takes them; file; size, of the largest object.
select {% for column in columns %} {{ column | identifier }}, {% endfor %} read_at
from
    read_json(
        {{ file }},
        format = 'newline_delimited',
        compression = 'uncompressed',
        auto_detect = false,
        maximum_object_size = {{ size }},
        columns = {{ types }}
    )
