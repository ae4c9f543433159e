{#
    Iterable's list import: headers are profile fields, and their case counts; new ones are made of the type of their first value.
    Names are those of the Handlebars tags.
#}
{%- set fields = merge_field_names(ref("merge_field_values")) -%}

with
    messages as ({{ messages_to_deliver(ref("send_list")) }}),

    fields as ({{ fields_to_deliver("messages", fields) }}),

    final as (
        select
            address as email,
            user_id as {{ adapter.quote("userId") }},
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
