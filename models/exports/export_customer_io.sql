{#
    Customer.io's import of people: headers are attributes, and their case counts. What an empty cell does is chosen at the import:
    it has to be ignored, or the fields that a variant does not print would be lost.
#}
{%- set fields = merge_field_names(ref("merge_field_values")) -%}

with
    messages as ({{ messages_to_deliver(ref("send_list")) }}),

    fields as ({{ fields_to_deliver("messages", fields) }}),

    final as (
        select
            user_id as id,
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
