{#
    Braze's CSV import: exact-case headers; any header that Braze does not know becomes a custom attribute. A blank cell leaves
    the attribute's old value standing, so every row also says which of its fields are blank tonight.
#}
{%- set fields = merge_field_names(ref("merge_field_values")) -%}

with
    messages as ({{ messages_to_deliver(ref("send_list")) }}),

    fields as ({{ fields_to_deliver("messages", fields) }}),

    final as (
        select
            user_id as external_id,
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
