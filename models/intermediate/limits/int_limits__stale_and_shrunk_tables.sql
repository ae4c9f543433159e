{#- Each table against what it was on the campaign's last night; on a campaign's first, on the newest one of the others. -#}
{#- of a smaller table, nobody can say that it shrank -#}
{%- set least_rows = 100 -%}

with
    last_nights as (select * from {{ ref("int_limits__last_nights") }}),

    runs as (select * from {{ ref("stg_ledger__runs") }}),

    campaigns as (select * from {{ ref("campaigns") }}),

    campaigns_tonight as (select * from {{ ref("int_campaigns__settings") }}),

    sources_tonight as (select * from {{ ref("int_nights__sources") }}),

    limits as (select * from {{ ref("source_limits") }}),

    night as (select as_of from {{ ref("int_nights__as_of") }}),

    by_age as (
        select as_of, run_id, row_number() over (order by as_of desc, campaign_id desc) as place
        from last_nights
    ),

    compared_with as (
        select
            campaigns.campaign_id,
            campaigns.audience_segment is not null
            or campaigns.also_segments is not null
            or campaigns.excluded_segments is not null as has_segments,
            coalesce(last_nights.as_of, newest.as_of) as last_night,
            coalesce(last_nights.run_id, newest.run_id) as run_id
        from campaigns
        inner join campaigns_tonight on campaigns.campaign_id = campaigns_tonight.campaign_id
        inner join by_age as newest on newest.place = 1
        left join last_nights on campaigns.campaign_id = last_nights.campaign_id
        where campaigns_tonight.is_in_force
    ),

    -- each campaign's row of a run has the whole run
    told as (
        select distinct runs.run_id, runs.run
        from runs
        inner join compared_with on runs.run_id = compared_with.run_id
    ),

    sources_before as (
        {{
            rows_of_json_list(
                "told",
                ["run_id"],
                "run",
                "landed",
                [
                    ["table", "text", "table_name"],
                    ["rows", "bigint", "rows_staged"],
                    ["newest_at", "timestamp", "newest_at"],
                ],
            )
        }}
    ),

    compared as (
        select
            compared_with.campaign_id,
            compared_with.last_night,
            limits.table_name,
            limits.max_age_hours,
            limits.max_shrink_percent,
            sources_before.rows_staged as rows_before,
            sources_tonight.rows_staged as rows_tonight,
            sources_before.newest_at as newest_before,
            sources_tonight.newest_at as newest_tonight,
            {{ add_seconds("night.as_of", "-3600 * limits.max_age_hours") }} as oldest_allowed
        from compared_with
        inner join sources_before on compared_with.run_id = sources_before.run_id
        inner join limits on sources_before.table_name = limits.table_name
        inner join sources_tonight on limits.table_name = sources_tonight.table_name
        cross join night
        where limits.holds_back = 'all' or compared_with.has_segments
    ),

    judged as (
        select
            *,
            {{
                has(
                    "rows_before >= "
                    ~ least_rows
                    ~ " and (rows_before - rows_tonight) * 100 > max_shrink_percent * rows_before"
                )
            }} as has_shrunk,
            -- where there never was a row, nothing has gone stale; a table that has lost all of them has
            max_age_hours is not null
            and newest_before is not null
            and coalesce(
                newest_tonight <= newest_before and newest_tonight < oldest_allowed, true
            ) as is_stale
        from compared
    ),

    final as (
        select
            campaign_id,
            table_name,
            last_night,
            max_age_hours,
            max_shrink_percent,
            rows_before,
            rows_tonight,
            newest_tonight,
            has_shrunk,
            is_stale
        from judged
        where has_shrunk or is_stale
    )

select *
from final
