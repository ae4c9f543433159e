{#
    listmonk's import: three columns, and what is not one of them is an attribute. An import that overwrites replaces all attributes.
#}
{%- set fields = merge_field_names(ref("merge_field_values")) -%}
{%- set members = {
    "sendworthy_user_id": "user_id",
    "sendworthy_campaign_id": "campaign_id",
    "sendworthy_dispatch_id": "dispatch_id",
    "sendworthy_variant": "variant",
    "sendworthy_send_at": "send_at",
    "sendworthy_valid_until": "valid_until",
} -%}

with
    messages as ({{ messages_to_deliver(ref("send_list")) }}),

    fields as ({{ fields_to_deliver("messages", fields) }}),

    final as (
        select
            campaign_id,
            dispatch_id,
            user_id,
            variant,
            send_at,
            valid_until,
            address as email,
            {{ spreadsheet_text("concat_ws(' ', first_name, last_name)") }} as name,
            {{ json_object_text(members, fields) }} as attributes
        from fields
    )

select *
from final
