with
    completeness as (select * from {{ ref("personalization_completeness") }}),

    variants as (select campaign_id, variant, arm from {{ ref("int_campaigns__variants") }}),

    decisions as (select * from {{ ref("campaign_decisions") }}),

    candidates as (select campaign_id, arm, count(*) as users from decisions group by campaign_id, arm),

    final as (
        select completeness.campaign_id, completeness.variant, completeness.merge_field
        from completeness
        left join
            variants
            on completeness.campaign_id = variants.campaign_id
            and completeness.variant = variants.variant
        left join
            candidates
            on completeness.campaign_id = candidates.campaign_id
            and variants.arm is not distinct from candidates.arm
        where
            completeness.users <> coalesce(candidates.users, 0)
            or completeness.blank_users > completeness.users
            or completeness.unsafe_users > completeness.blank_users
            or completeness.placeholder_users > completeness.blank_users
            or (completeness.blank_share is null) <> (completeness.users = 0)
            or completeness.blank_share > 1
    )

select *
from final
