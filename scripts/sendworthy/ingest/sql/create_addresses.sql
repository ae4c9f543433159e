-- One row a channel, address and user: who has an address, and who had it when a message of ours went
-- there; by its hash, for the ledger has no more.
create temp table addresses (address_channel text, address_hash text, user_id text, has_it_now boolean)
