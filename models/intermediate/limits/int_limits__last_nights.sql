{#- A swing does not heal by itself because the campaign was held back for it: a night that was held back keeps the one before it. -#}
with
    runs as (select * from {{ ref("stg_ledger__runs") }}),

    campaigns as (select * from {{ ref("int_campaigns__settings") }}),

    night as (select as_of from {{ ref("int_nights__as_of") }}),

    -- of a night that ran more than once, the last run counts: it is what the ledger holds
    nights as (
        select
            runs.*,
            row_number() over (
                partition by runs.campaign_id, runs.as_of order by runs.finished_at desc, runs.run_id desc
            ) as run_place
        from runs
        cross join night
        where runs.as_of < night.as_of
    ),

    -- a campaign out of season has nobody, and says nothing of the night on which it begins
    in_force as (
        select nights.*
        from nights
        inner join campaigns on nights.campaign_id = campaigns.campaign_id
        where nights.run_place = 1 and nights.was_in_force and campaigns.is_in_force
    ),

    newest as (select campaign_id, max(as_of) as newest_as_of from in_force group by campaign_id),

    released as (
        select *, row_number() over (partition by campaign_id order by as_of desc) as place
        from in_force
        where status = 'released'
    ),

    final as (
        select released.campaign_id, released.as_of, released.run_id, released.candidates
        from released
        inner join newest on released.campaign_id = newest.campaign_id
        cross join night
        where
            released.place = 1
            and newest.newest_as_of
            >= {{ add_seconds("night.as_of", (-3600 * var("last_night_max_hours")) | round | int) }}
    )

select *
from final
