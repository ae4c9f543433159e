-- One row a campaign and record that may hold its message and is not on its list. Not who gets a
-- message of a campaign that is loaded before: that is what the record holds then. Given, where people
-- are known by their address (is_by_address): $channels of the destination. There the ledger has the
-- address's hash, and the address is that of whoever has it tonight: `name` is null for nobody.
with
    held as (
        select scope, person, user_id, unnest(campaigns) as campaign_id
        from change_before
        union
        select scope, person, user_id, unnest(campaigns) as campaign_id
        from change_same_night
    ),

    tonight as (
        select scope, person, arg_max(user_id, campaign_id) as user_id
        from change_listed
        semi join change_open using (campaign_id)
        group by all
    ),

    left_over as (
        select
            held.scope,
            held.person,
            held.campaign_id,
            -- of an address that people share: who is on a list tonight, which a rerun finds again
            coalesce(max(tonight.user_id), max(held.user_id)) as user_id
        from held
        semi join change_open using (campaign_id)
        left join tonight on held.scope = tonight.scope and held.person = tonight.person
        anti join
            change_listed as listed
            on held.scope = listed.scope
            and held.person = listed.person
            and listed.campaign_id <= held.campaign_id
            and listed.campaign_id in (select campaign_id from change_open)
        group by all
    )

{% if is_by_address %}
    select left_over.*, names.name
    from left_over
    left join
        (
            select {{ hash_of_address("address_key") }} as person, min(address) as name
            from intermediate.int_users__channels
            where address is not null and list_contains($channels, channel)
            group by all
        ) as names using (person)
{% else %} select *, person as name from left_over
{% endif %}
