{{ config(materialized="view") }}

with
    features as (select * from {{ ref("int_customers__features") }}),

    final as (
        select
            *,
            -- the first that holds; a user whose sign-up date is missing is never new
            case
                when signed_up_at is null and last_active_at is null
                then 'unknown'
                when {{ within_days("signed_up_at", 14, "as_of") }}
                then 'new'
                when {{ within_days("last_active_at", 30, "as_of") }}
                then 'active'
                when {{ within_days("last_active_at", 90, "as_of") }}
                then 'lapsing'
                else 'lapsed'
            end as lifecycle_stage,
            case
                when orders_365 >= 3 and {{ within_days("last_active_at", 30, "as_of") }}
                then 'loyal'
                when active_days_30 >= 4
                then 'engaged'
                when
                    {{ within_days("last_active_at", 90, "as_of") }}
                    or {{ within_days("signed_up_at", 14, "as_of") }}
                then 'casual'
                else 'dormant'
            end as engagement_level
        from features
    )

select *
from final
