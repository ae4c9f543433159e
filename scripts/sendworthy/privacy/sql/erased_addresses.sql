-- One row an address that is looked for in texts, with the beginning of its longest word, null where no
-- word is long enough. A text that holds an address holds that word, in a word of its own: so an address is
-- compared only with the texts that have its beginning somewhere, and not all of them with all texts.
-- Given: $addresses; $shortest, the length of the shortest that is looked for; $beginnings, how long a
-- beginning may be; between_words, a pattern.
with
    words as (
        select address, unnest(regexp_split_to_array(address, {{ between_words | literal }})) as word
        from (select unnest($addresses::varchar[]) as address)
        where length(address) >= $shortest
    ),

    longest as (select address, arg_max(word, (length(word), word)) as word from words group by address)

select address, max(word[:size]) filter (where length(word) >= size) as beginning
from longest
cross join (select unnest($beginnings::integer[]) as size)
group by address
