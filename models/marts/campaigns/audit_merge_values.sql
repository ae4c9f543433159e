{#-
    What each message would print, read back from the JSON text that the ESP gets and not from the columns it was made of.
    The values themselves stay out: whoever reads this sees what is wrong with which field, and nobody's name.
-#}
{{ config(schema="audit", materialized="view") }}

with
    send_list as (select * from {{ ref("send_list") }}),

    variants as (select * from {{ ref("int_campaigns__variants") }}),

    filled as (
        select
            send_list.dispatch_id,
            send_list.user_id,
            send_list.campaign_id,
            send_list.variant,
            coalesce(variants.printed_fields, {{ empty_list() }}) as printed_fields,
            coalesce(variants.required_fields, {{ empty_list() }}) as required_fields,
            coalesce(variants.compared_fields, {{ empty_list() }}) as compared_fields,
            coalesce(variants.measured_fields, {{ empty_list() }}) as measured_fields,
            {{ json_text_map("send_list.merge_values") }} as field_values
        from send_list
        left join
            variants on send_list.campaign_id = variants.campaign_id and send_list.variant = variants.variant
    ),

    -- a required field is looked at even if nobody thought of printing it
    named as (
        select
            *,
            {{ list_union(list_union("printed_fields", "required_fields"), map_names("field_values")) }}
            as merge_fields
        from filled
    ),

    by_field as (
        {{
            unnest_with_position(
                "named",
                [
                    "dispatch_id",
                    "user_id",
                    "campaign_id",
                    "variant",
                    "printed_fields",
                    "required_fields",
                    "compared_fields",
                    "measured_fields",
                    "field_values",
                ],
                "merge_fields",
                "merge_field",
                "position",
            )
        }}
    ),

    read_back as (select *, {{ map_text("field_values", "merge_field") }} as merge_value from by_field),

    judged as (
        select
            dispatch_id,
            user_id,
            campaign_id,
            variant,
            merge_field,
            {{ list_has("printed_fields", "merge_field") }} as is_expected,
            {{ list_has("required_fields", "merge_field") }} as is_required,
            {{ list_has("compared_fields", "merge_field") }} as is_compared,
            {{ list_has("measured_fields", "merge_field") }} as is_measured,
            merge_value,
            {{ list_has(map_names("field_values"), "merge_field") }} as is_present,
            merge_value is null as is_null,
            {{ is_blank("merge_value") }} as is_blank,
            {{ is_unsafe("merge_value") }} as is_unsafe
        from read_back
    ),

    final as (
        select
            dispatch_id,
            user_id,
            campaign_id,
            variant,
            merge_field,
            is_expected,
            is_required,
            is_present,
            is_null,
            is_blank,
            is_unsafe,
            is_required and (not is_present or is_blank or is_unsafe) as is_required_and_blank,
            -- blank, but not marked as such: the ESP's own default would not step in
            is_blank and not is_null as is_disguised_blank,
            is_expected and not is_present as is_missing,
            is_present and not is_expected as is_unexpected,
            -- what of the value matters for how the message looks with respect to blanks, and no more of it
            case
                when is_blank or is_unsafe
                then '-'
                when is_compared
                then '=' || md5(merge_value)
                when is_measured
                then '#' || cast(length(merge_value) as {{ text_type() }})
                else '+'
            end as render_key
        from judged
    )

select *
from final
