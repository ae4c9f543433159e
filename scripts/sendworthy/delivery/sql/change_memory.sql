-- The night's rows of ledger.deliveries, made of the records, whose messages they may hold, and what is
-- held of each field. Given: $destination, $as_of.
with leavers as (select distinct scope, person from change_leavers where name is not null)

select
    cast($as_of as timestamp) as as_of,
    $destination as destination,
    records.scope,
    records.person,
    coalesce(listed.user_id, same_night.user_id, before.user_id) as user_id,
    list_distinct(
        list_concat(
            coalesce(same_night.campaigns, []),
            case
                when listed.campaign_id is not null
                then [listed.campaign_id]
                when leavers.person is not null
                then ['']
                else coalesce(before.campaigns, [''])
            end
        )
    ) as campaigns,
    coalesce(maps.fields, map([]::varchar[], []::varchar[][])) as fields
from change_records as records
left join change_last as listed using (scope, person)
left join leavers using (scope, person)
left join change_before as before using (scope, person)
left join change_same_night as same_night using (scope, person)
left join change_maps as maps using (scope, person)
