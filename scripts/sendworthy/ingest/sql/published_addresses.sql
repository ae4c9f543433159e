-- One row a channel, address and user of the published file: who has it, or had it when a message went
-- there. Given: has_address_hash, whether the ledger says where its messages went; that of an older night
-- does not.
with
    known as (
        select channel, sha256(address_key) as address_hash, user_id, true as has_it_now
        from published.intermediate.int_users__channels
        where address_key is not null
        {% if has_address_hash %}
            union all
            select channel, address_hash, user_id, false as has_it_now
            from published.ledger.dispatches
            -- who was erased has a pseudonym in the ledger, which is nobody's id
            where address_hash is not null and user_id not like 'erased:%'
        {% endif %}
    )

select channel, address_hash, user_id, bool_or(has_it_now) as has_it_now
from known
group by channel, address_hash, user_id
