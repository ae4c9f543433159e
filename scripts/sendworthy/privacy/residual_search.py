"""Which texts hold an erased person: an address that only they have, or their id. It costs by the texts, however many people there are."""

from __future__ import annotations

from collections.abc import Collection

import duckdb

# shorter texts stand in many rows by chance
_SHORTEST_ADDRESS = 6

# how much of a word is looked for at first: of many words the first letters are the same
_BEGINNINGS = (_SHORTEST_ADDRESS, 10, 16)

# a pattern: what stands between words, in texts and in JSON
_BETWEEN_WORDS = r"[\s\",:;{}\[\]\\]+"


def create_addresses(connection: duckdb.DuckDBPyConnection, addresses: Collection[str]) -> None:
    """Make the temporary table of the addresses that are looked for in texts, each with the beginning of its longest word.

    A text that holds an address holds that word, in a word of its own: so an address is compared only with the texts that have
    its beginning somewhere, and not all of them with all texts. It is null where no word is long enough.
    """
    connection.execute(
        f"""
        create or replace temp table erased_addresses as
        with
            words as (
                select address, unnest(regexp_split_to_array(address, '{_BETWEEN_WORDS}')) as word
                from (select unnest($addresses::varchar[]) as address)
                where length(address) >= {_SHORTEST_ADDRESS}
            ),
            longest as (select address, arg_max(word, (length(word), word)) as word from words group by address)
        select address, max(word[:size]) filter (where length(word) >= size) as beginning
        from longest
        cross join (select unnest({list(_BEGINNINGS)}) as size)
        group by address
        """,
        {"addresses": sorted(addresses)},
    )


def rows_mentioning_erased(rows: str) -> str:
    """SQL for those rows of a query, of row_number and a text, that hold an address that only erased people have, or their id.

    They name no user. An id counts as a whole value of JSON, however deep: as a part of a text it may be any word or number.
    """
    return f"""
        with
            texts as materialized (
                select row_number, lower(text) as lowered, replace(text, '\\', '') as bare from ({rows})
            ),

            words as materialized (
                select row_number, unnest(list_distinct(regexp_split_to_array(lowered, '{_BETWEEN_WORDS}'))) as word
                from texts
            ),

            parts as (
                select word, substring(word, unnest(range(1, length(word) - size + 2)), size) as part
                from (select distinct word from words)
                inner join (select unnest({list(_BEGINNINGS)}) as size) on length(word) >= size
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
        inner join erased_addresses on erased_addresses.beginning is null and contains(texts.lowered, erased_addresses.address)
        union
        select row_number
        from between_quotes
        where value in (select replace(user_id, '\\', '') from erased)
        union
        -- an id that has a quote in it
        select texts.row_number
        from texts
        inner join erased
            on contains(erased.user_id, '"')
            and contains(texts.bare, '"' || replace(erased.user_id, '\\', '') || '"')
    """
