-- Writes the typed rows of a file without those of erased people. A quarantined one stays, so that the
-- counts are right, and says nothing any more. Given: rows; mentioning, a query of the numbers of rows that
-- name nobody and hold an address of theirs; place, the Parquet file; has_reports: a report on an address of
-- somebody else stays, of the pseudonym, because it may stop what goes there, and so does one that cannot be
-- read; hash_of_address.
copy
    (
        with
            marked as (
                select
                    *,
                    coalesce(user_id in (select user_id from erased), false)
                    or {parquet: filename, number: file_row_number}
                    in (select row_number from ({{ mentioning }}) as mentioning) as is_erased
                from {{ rows }}
            ),

-- whose address it is that an unreadable report names, as int_users__quarantined_rows sees it
            unreadable_about_others as (
{% if has_reports %}
                select
                    {parquet: marked.filename, number: marked.file_row_number} as row_number,
                    min(erased.pseudonym) as pseudonym,
                    min(others.address) as address
                from marked
                inner join erased on marked.user_id = erased.user_id
                left join
                    intermediate.int_messages__dispatches as dispatches
                    on marked.dispatch_id = dispatches.dispatch_id
                inner join
                    addresses_of_others as others
                    on coalesce({{ hash_of_address('marked.address') }}, dispatches.address_hash)
                    = others.address_hash
                where
                    marked.quarantine_reason like 'missing!_%' escape '!'
                    or marked.quarantine_reason like 'bad!_%' escape '!'
                group by all
{% else %}
                select null as row_number where false
{% endif %}
            )

        select * exclude (filename, file_row_number, is_erased)
        from marked
        where not is_erased
        union all by name
        select
            quarantine_reason,
            file,
            '{}' as raw_row,
            -- when its time has come, its file is read again: it may stop what goes to somebody else
            case when quarantine_reason = 'from_the_future' then occurred_at end as occurred_at
        from marked
        where
            is_erased
            and quarantine_reason is not null
            and {parquet: filename, number: file_row_number}
            not in (select row_number from unreadable_about_others)
{% if has_reports %}
            union all by name
            select
                marked.* exclude (filename, file_row_number, is_erased)
                replace (
                    md5(others.pseudonym || marked.message_event_id) as message_event_id,
                    others.pseudonym as user_id,
                    others.address as address,
                    null as dispatch_id,
                    '{}' as raw_row
                )
            from marked
            inner join
                unreadable_about_others as others
                on {parquet: marked.filename, number: marked.file_row_number} = others.row_number
            union all by name
            select
                marked.* exclude (filename, file_row_number, is_erased)
                replace (
                    md5(others.pseudonym || marked.message_event_id) as message_event_id,
                    others.pseudonym as user_id,
                    others.channel as channel,
                    others.address as address,
                    null as dispatch_id
                )
            from marked
            inner join
                reports_about_others as others
                on marked.message_event_id = others.message_event_id
                and marked.event_type = others.event_type
                and marked.user_id = others.user_id
                and marked.channel in (others.channel, 'unknown')
            where marked.quarantine_reason is null
{% endif %}
    )
to {{ place | literal }} (format parquet, compression zstd)
