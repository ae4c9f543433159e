-- One row a record: what is held of each field, of the records of the slab $slab of $slabs.
select scope, person, map_from_entries(list_sort(list({'k':field, 'v':hashes}))) as fields
from change_held
where hash(person) % $slabs = $slab
group by all
