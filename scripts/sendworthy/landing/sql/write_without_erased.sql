-- Writes the typed rows of a file without those of erased people. A quarantined one stays, so that the
-- counts are right, and says nothing any more. Given: rows; mentioning, a query of the numbers of rows that
-- name nobody and hold an address of theirs; place, the Parquet file; has_reports: a report on an address of
-- somebody else stays, of the pseudonym, because it may stop what goes there.
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
        where is_erased and quarantine_reason is not null
{% if has_reports %}
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
