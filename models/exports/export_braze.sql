{#
    Braze's CSV import: exact-case headers; any header that Braze does not know becomes a custom attribute. A blank cell leaves
    the attribute's old value standing, so every row also says which of its fields are blank tonight.
#}
{%- set fields = merge_field_names(ref("merge_field_values")) -%}
{%- set standard = {"city": "home_city"} -%}

with
    send_list as (select * from {{ ref("send_list") }}),

    values_to_deliver as (
        select
            user_id,
            campaign_id,
            dispatch_id,
            variant,
            send_at,
            valid_until,
            {{ without_overrides("merge_values") }} as merge_values
        from send_list
    ),

    fields as (
        select
            user_id as external_id,
            campaign_id as sendworthy_campaign_id,
            dispatch_id as sendworthy_dispatch_id,
            variant as sendworthy_variant,
            {{ iso_text("send_at") }} as sendworthy_send_at,
            {{ iso_text("valid_until") }} as sendworthy_valid_until,
            {%- for field in fields %} {{ json_string("merge_values", field) }} as {{ field }}, {%- endfor %}
            {%- set blank = [] %}
            {%- for field in fields %}
                {%- do blank.append(
                    "case when "
                    ~ json_has_null("merge_values", field)
                    ~ " then '"
                    ~ field
                    ~ "' end"
                ) %}
            {%- endfor %}
            {{ list_text(list_of(blank)) }} as blank_fields
        from values_to_deliver
    ),

    final as (
        select
            external_id,
            sendworthy_campaign_id,
            sendworthy_dispatch_id,
            sendworthy_variant,
            sendworthy_send_at,
            sendworthy_valid_until,
            -- never empty: a blank cell would leave yesterday's list of blanks
            coalesce(nullif(blank_fields, ''), 'none') as sendworthy_blank_fields
            {%- for field in fields %}
                , {{ spreadsheet_text(field) }} as {{ standard.get(field, field) }}
            {%- endfor %}
        from fields
    )

select *
from final
