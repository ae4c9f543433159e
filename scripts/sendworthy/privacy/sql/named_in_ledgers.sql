-- One row a person of `erased` whom a ledger names. Given: ledgers.
{% for ledger in ledgers %}
    select user_id
    from {{ ledger | relation }}
    where user_id in (select user_id from erased)
    {% if not loop.last %}
        union
    {% endif %}
{% endfor %}
