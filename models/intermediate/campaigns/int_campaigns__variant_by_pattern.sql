with
    merge_fields as (select * from {{ ref("int_customers__merge_fields") }}),

    variants as (select * from {{ ref("int_campaigns__variants") }}),

    patterns as (select distinct blank_pattern, blank_fields from merge_fields),

    fitting as (
        select
            variants.campaign_id,
            variants.arm,
            patterns.blank_pattern,
            variants.variant,
            -- what fits is looked for within an arm: nobody gets the text of another one
            row_number() over (
                partition by variants.campaign_id, variants.arm, patterns.blank_pattern
                order by variants.variant_rank
            ) as fit_number
        from patterns
        cross join variants
        where not {{ lists_overlap("variants.required_fields", "patterns.blank_fields") }}
    ),

    final as (select campaign_id, arm, blank_pattern, variant from fitting where fit_number = 1)

select *
from final
