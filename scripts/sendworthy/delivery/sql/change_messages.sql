-- One row a message with changes: which fields must be written, and what became of it on the campaign's
-- list. Given: $is_resync.
with
    placed as (
        select
            change_fields.*,
            lag(hash) over (partition by scope, person, field order by campaign_id) as earlier
        from change_fields
        semi join change_open using (campaign_id)
    ),

    written as (
        select campaign_id, message, list(field) as fields
        from placed
        where
            case
                when $is_resync or earlier is null
                then is_written
                -- after an earlier campaign of the night a record holds what that one says, whatever it
                -- held before
                else earlier <> hash
            end
        group by all
    )

select
    listed.*,
    written.fields as written_fields,
    case
        when not $is_resync and coalesce(list_contains(before.campaigns, listed.campaign_id), false)
        then 'changed'
        else 'added'
    end as change
from change_listed as listed
inner join written using (campaign_id, message)
left join change_before as before on listed.scope = before.scope and listed.person = before.person
