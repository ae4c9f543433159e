{#
    A line of a file for Braze's Cloud Data Ingestion: the identifier, and the attributes as a JSON text. There is no UPDATED_AT in files.
#}
{%- set fields = merge_field_names(ref("merge_field_values")) -%}
{%- set members = {
    "sendworthy_campaign_id": "campaign_id",
    "sendworthy_dispatch_id": "dispatch_id",
    "sendworthy_variant": "variant",
    "sendworthy_send_at": "send_at",
    "sendworthy_valid_until": "valid_until",
} -%}

with
    messages as ({{ messages_to_deliver(ref("send_list")) }}),

    fields as ({{ fields_to_deliver("messages", fields) }}),

    attributes as (
        select
            campaign_id,
            dispatch_id,
            user_id,
            variant,
            send_at,
            valid_until,
            {{ json_object_text(members, fields) }} as attributes
        from fields
    ),

    final as (
        select
            campaign_id,
            dispatch_id,
            user_id,
            variant,
            send_at,
            valid_until,
            {{ json_object_text({"external_id": "user_id", "payload": "attributes"}) }} as payload
        from attributes
    )

select *
from final
