-- One row a value of a JSON file: it may be an object, many one after the other, an array of them, or many
-- arrays. Given: path, which the rows name; file, the one that is read, as the reader takes it; size, of the
-- largest object; compression.
with
    found as (
        select json as doc
        from
            read_json_objects(
                {{ file }},
                format = 'auto',
                maximum_object_size = {{ size }},
                compression = {{ compression | literal }}
            )
    ),

    plain as (
        select doc
        from found
        where json_type(doc) <> 'ARRAY'
        union all
        select unnest(cast(doc as json[])) as doc
        from found
        where json_type(doc) = 'ARRAY'
    ),

    unpacked as (
        select doc, case when json_type(doc) = 'VARCHAR' then try_cast(doc ->> '$' as json) end as within
        from plain
    ),

    -- a batch that was written as a text in JSON once more
    single as (
        select doc
        from unpacked
        where json_type(within) is distinct from 'ARRAY'
        union all
        select unnest(cast(within as json[])) as doc
        from unpacked
        where json_type(within) = 'ARRAY'
    )

select
    {{ path | literal }} as file,
    -- an object that was written as a text in JSON once more
    case
        when json_type(doc) = 'VARCHAR' and json_type(try_cast(doc ->> '$' as json)) = 'OBJECT'
        then cast(doc ->> '$' as json)
        else doc
    end as doc
from single
