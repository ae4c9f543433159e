-- One row: how many lines of a file are no requests of the destination. Given: $file; $items, the place
-- of the items in a line; $without_items, what takes them out of it; $rest, the line without them.
select count(*) as lines
from read_ndjson_objects($file)
where
    json_type(json, $items) is distinct from 'ARRAY'
    or json_merge_patch(json, $without_items)::varchar is distinct from $rest
