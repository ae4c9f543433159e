-- One row: how many reports were read, how many duplicates and machine opens are among their events, and
-- how many reports have no time that can be read.
select
    (select count(*) from understood) as reports,
    (select count(*) from outcomes where fate = 'duplicate') as duplicates,
    (select count(*) from landed where is_machine_open) as machine_opens,
    (select count(distinct report) from outcomes where is_untimed and fate is null) as untimed
