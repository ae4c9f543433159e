{#
    The attributes object of Braze's POST /users/track: null removes an attribute, one that is not there stays as it is.
#}
{%- set fields = merge_field_names(ref("merge_field_values")) -%}
{%- set members = {
    "external_id": "user_id",
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
            {{ json_object_text(members, fields) }} as payload
        from fields
    )

select *
from final
