-- Writes the typed rows of a file without those of `typed_rows_of_erased`. A quarantined one stays, so that
-- the counts are right, and says nothing any more. Given: rows; place, the Parquet file.
copy
    (
        with
            marked as (
                select
                    *,
                    {parquet: filename, number: file_row_number}
                    in (select row_number from typed_rows_of_erased) as is_erased
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
            -- when its time has come, its file is read again
            case when quarantine_reason = 'from_the_future' then occurred_at end as occurred_at
        from marked
        where is_erased and quarantine_reason is not null
    )
to {{ place | literal }} (format parquet, compression zstd)
