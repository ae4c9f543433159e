{#-
    The buckets of each arm: one behind the other, in the order of the setting. So a person's place is a function of their bucket
    and the shares alone, and only those move over whom a border passes when shares change.
-#}
with
    campaigns as (select * from {{ ref("campaigns") }}),

    listed as (select campaign_id, {{ split_list("arms") }} as arms from campaigns),

    in_order as (
        {{ unnest_with_position("listed", ["campaign_id"], "arms", "arm_and_share", "arm_number") }}
    ),

    shares as (
        select
            campaign_id,
            split_part(arm_and_share, ':', 1) as arm,
            arm_number,
            cast(split_part(arm_and_share, ':', 2) as integer) as share_percent
        from in_order
    ),

    bordered as (
        select
            *,
            sum(share_percent) over (
                partition by campaign_id order by arm_number rows between unbounded preceding and current row
            ) as percent_so_far
        from shares
    ),

    final as (
        select
            campaign_id,
            arm,
            cast(arm_number as integer) as arm_number,
            share_percent,
            cast((percent_so_far - share_percent) * 100 as integer) as first_bucket,
            cast(percent_so_far * 100 as integer) as end_bucket
        from bordered
    )

select *
from final
