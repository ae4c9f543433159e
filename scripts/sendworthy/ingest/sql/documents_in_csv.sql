-- One row a line of a CSV file, as a JSON object. Given: path, which the rows name; file, the same as the
-- reader takes it; types, the columns and their types; compression.
select {{ path | literal }} as file, to_json(delivered) as doc
from
    read_csv(
        {{ file }},
        auto_detect = false,
        header = true,
        columns = {{ types }},
        delim = ',',
        quote = '"',
        escape = '"',
        comment = '',
        skip = 0,
        compression = {{ compression | literal }}
    ) as delivered
