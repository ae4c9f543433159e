{#
    Klaviyo's list import: the address first; headers that are Klaviyo's own properties, and custom properties.
#}
{%- set fields = merge_field_names(ref("merge_field_values")) -%}

with
    messages as ({{ messages_to_deliver(ref("send_list")) }}),

    fields as ({{ fields_to_deliver("messages", fields) }}),

    final as (
        select
            address as {{ adapter.quote("Email Address") }},
            user_id as sendworthy_user_id,
            campaign_id as sendworthy_campaign_id,
            dispatch_id as sendworthy_dispatch_id,
            variant as sendworthy_variant,
            send_at as sendworthy_send_at,
            valid_until as sendworthy_valid_until,
            blank_fields as sendworthy_blank_fields
            {{ merge_field_columns(fields) }}
        from fields
    )

select *
from final
