-- One row a record: what it may hold since earlier runs of the same night; a resync has it with all the
-- rest. Given: $destination, $as_of, $is_resync.
select * from ledger.deliveries where destination = $destination and as_of = $as_of and not $is_resync
