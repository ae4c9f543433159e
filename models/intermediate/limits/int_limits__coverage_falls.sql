{#- Decimals of their own: users times users times shares is more than a bigint holds. -#}
{%- set people = "decimal(19, 0)" -%}

with
    last_nights as (select * from {{ ref("int_limits__last_nights") }}),

    runs as (select * from {{ ref("stg_ledger__runs") }}),

    campaigns as (select * from {{ ref("campaigns") }}),

    coverage as (select * from {{ ref("int_limits__coverage") }}),

    told as (
        select last_nights.campaign_id, last_nights.as_of as last_night, runs.details
        from last_nights
        inner join runs on last_nights.campaign_id = runs.campaign_id and last_nights.run_id = runs.run_id
    ),

    before as (
        {{
            rows_of_json_list(
                "told",
                ["campaign_id", "last_night"],
                "details",
                "coverage",
                [
                    ["merge_field", "text", "merge_field"],
                    ["users", "bigint", "users"],
                    ["blank_users", "bigint", "blank_users"],
                ],
            )
        }}
    ),

    compared as (
        select
            before.campaign_id,
            before.last_night,
            before.merge_field,
            before.users as users_before,
            before.blank_users as blank_before,
            coverage.users as users_tonight,
            coverage.blank_users as blank_tonight,
            campaigns.max_coverage_fall_points
        from before
        inner join
            coverage
            on before.campaign_id = coverage.campaign_id
            and before.merge_field = coverage.merge_field
        inner join campaigns on before.campaign_id = campaigns.campaign_id
        where greatest(before.users, coverage.users) >= campaigns.min_audience
    ),

    -- the shares multiplied out, so that what lies on the limit is not over it; without people on one side,
    -- nothing is
    final as (
        select *
        from compared
        where
            (
                cast(blank_tonight as {{ people }}) * cast(users_before as {{ people }})
                - cast(blank_before as {{ people }}) * cast(users_tonight as {{ people }})
            )
            * cast(10000 as decimal(5, 0))
            > cast(max_coverage_fall_points * 100 as decimal(5, 0))
            * (cast(users_before as {{ people }}) * cast(users_tonight as {{ people }}))
    )

select *
from final
