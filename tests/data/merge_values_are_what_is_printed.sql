{#- Read back from the JSON that goes out, so that what is judged is what a provider will read. -#}
{{ config(tags=["gate"]) }}
{%- set fields = merge_field_names(ref("merge_field_values")) %}

with
    send_list as (select * from {{ ref("send_list") }}),

    variants as (select * from {{ ref("int_campaigns__variants") }}),

    merge_field_values as (select * from {{ ref("merge_field_values") }}),

    final as (
        select send_list.dispatch_id, send_list.campaign_id, send_list.variant
        from send_list
        inner join
            variants on send_list.campaign_id = variants.campaign_id and send_list.variant = variants.variant
        inner join merge_field_values on send_list.user_id = merge_field_values.user_id
        where
            not coalesce(
                {{ list_text(json_keys("send_list.merge_values")) }}
                = {{ list_text("variants.printed_fields") }},
                false
            )
            {%- for field in fields %}
                or (
                    {{ list_has("variants.printed_fields", "'" ~ field ~ "'") }}
                    and {{ json_string("send_list.merge_values", field) }}
                    is distinct from merge_field_values.{{ field }}
                )
                or (
                    {{ list_has("variants.required_fields", "'" ~ field ~ "'") }}
                    and {{ json_string("send_list.merge_values", field) }} is null
                )
            {%- endfor %}
    )

select *
from final
