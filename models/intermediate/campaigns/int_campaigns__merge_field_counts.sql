with
    gates as (select * from {{ ref("int_campaigns__gates") }}),

    merge_fields as (select * from {{ ref("int_customers__merge_fields") }}),

    variants as (select * from {{ ref("int_campaigns__variants") }}),

    printed as (
        {{
            unnest_with_position(
                "variants",
                ["campaign_id", "variant", "arm", "required_fields"],
                "printed_fields",
                "merge_field",
                "position",
            )
        }}
    ),

    -- people with the same blanks, in the same arm, count together: the join then multiplies patterns, not
    -- people
    candidates as (
        select
            gates.campaign_id,
            gates.arm,
            merge_fields.blank_fields,
            merge_fields.unsafe_fields,
            merge_fields.placeholder_fields,
            count(*) as users
        from gates
        inner join merge_fields on gates.user_id = merge_fields.user_id
        group by
            gates.campaign_id,
            gates.arm,
            merge_fields.blank_fields,
            merge_fields.unsafe_fields,
            merge_fields.placeholder_fields
    ),

    counted as (
        select
            printed.campaign_id,
            printed.variant,
            printed.arm,
            printed.merge_field,
            {{ list_has("printed.required_fields", "printed.merge_field") }} as is_required,
            {%- for kind in ["blank", "unsafe", "placeholder"] %}
                coalesce(
                    sum(
                        case
                            when {{ list_has("candidates." ~ kind ~ "_fields", "printed.merge_field") }}
                            then candidates.users
                        end
                    ),
                    0
                ) as {{ kind }}_users,
            {%- endfor %}
            coalesce(sum(candidates.users), 0) as users
        from printed
        left join
            candidates
            on printed.campaign_id = candidates.campaign_id
            and printed.arm is not distinct from candidates.arm
        group by
            printed.campaign_id,
            printed.variant,
            printed.arm,
            printed.merge_field,
            {{ list_has("printed.required_fields", "printed.merge_field") }}
    ),

    final as (
        select
            campaign_id,
            variant,
            arm,
            merge_field,
            is_required,
            cast(users as bigint) as users,
            cast(blank_users as bigint) as blank_users,
            cast(unsafe_users as bigint) as unsafe_users,
            cast(placeholder_users as bigint) as placeholder_users
        from counted
    )

select *
from final
