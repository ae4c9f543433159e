with
    last_nights as (select * from {{ ref("int_limits__last_nights") }}),

    campaigns as (select * from {{ ref("campaigns") }}),

    gates as (select * from {{ ref("int_campaigns__gates") }}),

    tonight as (select campaign_id, count(*) as candidates from gates group by campaign_id),

    compared as (
        select
            last_nights.campaign_id,
            last_nights.as_of as last_night,
            last_nights.candidates as people_before,
            coalesce(tonight.candidates, 0) as people_tonight,
            greatest(last_nights.candidates, coalesce(tonight.candidates, 0)) as larger,
            campaigns.max_swing_percent,
            campaigns.min_audience
        from last_nights
        inner join campaigns on last_nights.campaign_id = campaigns.campaign_id
        left join tonight on last_nights.campaign_id = tonight.campaign_id
    ),

    final as (
        select campaign_id, last_night, people_before, people_tonight, max_swing_percent
        from compared
        where
            larger >= min_audience and abs(people_tonight - people_before) * 100 > max_swing_percent * larger
    )

select *
from final
