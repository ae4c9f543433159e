-- The numbers of those rows that hold an address that only erased people have, or their id. They name no
-- user. An id counts as a whole value of JSON, however deep: as a part of a text it may be any word or
-- number. Given: rows, a query of row_number and a text; between_words, a pattern; the tables `erased` and
-- `erased_addresses`.
with
    -- without backslashes, an id that JSON has escaped is as it is in `erased`
    texts as materialized(
        select row_number, lower(text) as lowered, replace(text, chr(92), '') as bare from ({{ rows }})
    ),

    words as materialized(
        select
            row_number,
            unnest(list_distinct(regexp_split_to_array(lowered, {{ between_words | literal }}))) as word
        from texts
    ),

    sizes as (select distinct length(beginning) as size from erased_addresses where beginning is not null),

    parts as (
        select word, substring(word, unnest(range(1, length(word) - size + 2)), size) as part
        from (select distinct word from words)
        inner join sizes on length(word) >= size
    ),

    likely as (
        select distinct words.row_number, erased_addresses.address
        from parts
        inner join erased_addresses on parts.part = erased_addresses.beginning
        inner join words on parts.word = words.word
    ),

    between_quotes as (select row_number, unnest(string_split(bare, '"')[2:-2]) as value from texts)

select texts.row_number
from likely
inner join texts on likely.row_number = texts.row_number and contains(texts.lowered, likely.address)
union
select texts.row_number
from texts
inner join
    erased_addresses
    on erased_addresses.beginning is null
    and contains(texts.lowered, erased_addresses.address)
union
select row_number
from between_quotes
where value in (select replace(user_id, chr(92), '') from erased)
union
-- an id that has a quote in it
select texts.row_number
from texts
inner join
    erased
    on contains(erased.user_id, '"')
    and contains(texts.bare, '"' || replace(erased.user_id, chr(92), '') || '"')
