-- One row an event of a provider, and qualifier of it: what it means here. Given: $file, event_types.csv;
-- $source, the provider.
select lower(event) as event, lower(coalesce(qualifier, '')) as qualifier, event_type, channel, is_machine
from
    read_csv(
        $file,
        header = true,
        columns = {
            'esp':'varchar',
            'event':'varchar',
            'qualifier':'varchar',
            'event_type':'varchar',
            'channel':'varchar',
            'is_machine':'boolean'
        },
        auto_detect = false
    )
where esp = $source
