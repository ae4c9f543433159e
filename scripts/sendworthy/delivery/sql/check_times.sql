-- One row a file with messages whose times cannot be read, that are due before the night, or that had
-- expired before it. Given: $as_of of the night, in whole seconds.
with
    times as (
        select
            file,
            (send_at is not null and try_cast(send_at as timestamp) is null)
            or (valid_until is not null and try_cast(valid_until as timestamp) is null) as is_timeless,
            try_cast(send_at as timestamp) < cast($as_of as timestamp) as is_early,
            try_cast(valid_until as timestamp) < cast($as_of as timestamp) as is_expired
        from delivered
    )

select
    file,
    count(*) filter (where is_timeless) as timeless,
    count(*) filter (where is_early) as early,
    count(*) filter (where is_expired) as expired
from times
group by file
having timeless + early + expired > 0
order by file
