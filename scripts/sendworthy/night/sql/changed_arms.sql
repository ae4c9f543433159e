-- One row a campaign whose arms or shares are not those of its last night: both as text ('' is none), how
-- many people were decided about on both nights, and how many of them are in another arm now.
with
    last_runs as (
        select
            campaign_id,
            as_of,
            from_json(
                coalesce(json_extract(details, '$.arms'), '[]'), '[{"arm": "varchar", "percent": "integer"}]'
            ) as arms
        from ops.runs
        where as_of < (select as_of from intermediate.int_nights__as_of)
        qualify
            row_number() over (partition by campaign_id order by as_of desc, finished_at desc, run_id desc)
            = 1
    ),

    shares_before as (
        select
            campaign_id,
            as_of,
            array_to_string(list_transform(arms, lambda one:one.arm || ' ' || one.percent), ', ') as shares
        from last_runs
    ),

    shares_now as (
        select
            campaigns.campaign_id,
            coalesce(
                string_agg(arms.arm || ' ' || arms.share_percent, ', ' order by arms.arm_number), ''
            ) as shares
        from settings.campaigns as campaigns
        left join intermediate.int_campaigns__arms as arms using (campaign_id)
        group by all
    ),

    changed as (
        select
            shares_now.campaign_id,
            shares_before.as_of,
            shares_before.shares as before,
            shares_now.shares as now
        from shares_now
        inner join shares_before using (campaign_id)
        where shares_now.shares <> shares_before.shares
    )

select
    changed.campaign_id,
    changed.as_of,
    changed.before,
    changed.now,
    count(tonight.user_id) as users,
    count(tonight.user_id) filter (where tonight.arm is distinct from decided.arm) as moved
from changed
left join ledger.decisions as decided using (campaign_id, as_of)
left join
    marts.campaign_decisions as tonight
    on decided.campaign_id = tonight.campaign_id
    and decided.user_id = tonight.user_id
group by all
order by changed.campaign_id
