-- Of each file of the landing zone that this run has read, its size and its time as they were then: a file
-- with another size or time holds what no night has seen.
update ledger.files_read
set file_bytes = found.file_bytes, written_at_us = found.written_at_us
from landing.landing_files as found
where
    files_read.table_name = found.table_name
    and files_read.file = found.file
    and found.file_bytes is not null
