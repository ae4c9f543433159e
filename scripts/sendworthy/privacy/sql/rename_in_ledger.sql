-- In a ledger, the user_id of who is in `erased` becomes the pseudonym, and a dispatch_id one that is made
-- of it: the old one was made of the user_id. Given: ledger, and which of these columns it has.
update {{ ledger | relation }} as messages
set
    user_id = erased.pseudonym
{% if has_dispatch_id %}
    , dispatch_id = md5(campaign_id || ':' || erased.pseudonym || ':' || strftime(as_of, '%Y-%m-%d'))
{% endif %}
{% if has_address_hash %}
    , address_hash = null
{% endif %}
{% if has_segments %}
    , segments = null
{% endif %}
from erased
where messages.user_id = erased.user_id
