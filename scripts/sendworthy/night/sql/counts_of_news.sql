-- One row: files of the landing zone that the night has not read, people with a message that is not due of
-- whom something is new, and messages that are taken back now.
select
    (
        select count(*)
        from landing.landing_files as found
        anti join published.ops.source_counts as read using (table_name, file)
    ) as new_files,
    (select count(*) from landing.people_with_news) as people,
    (select count(*) from marts.cancellations) as cancelled
