-- The records that the ledger has a row of for this night. Given: $is_resync.
select scope, person
from change_messages
union
select scope, person
from change_leavers
where name is not null
union
select scope, person
from change_same_night
union
-- after a resync nothing older counts any more, so it says all that there is to say
select scope, person
from change_before
where $is_resync
