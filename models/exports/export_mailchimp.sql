{#
    A member of Mailchimp's POST /lists/{list_id}. Only status_if_new, never status: a person who has unsubscribed at Mailchimp must
    not be subscribed again by a list. Merge tags are those of the templates (seeds/merge_tags.csv).
#}
{%- set fields = merge_field_names(ref("merge_field_values")) -%}
{%- set names = {} -%}
{%- for field in fields %} {% do names.update({field: field ~ "_tag"}) %} {% endfor -%}
{%- set members = {
    "SWCAMPAIGN": "campaign_id",
    "SWDISPATCH": "dispatch_id",
    "SWUSER": "user_id",
    "SWVARIANT": "variant",
    "SWSENDAT": "send_at",
    "SWVALIDTIL": "valid_until",
    "SWBLANK": "blank_fields",
} -%}

with
    messages as ({{ messages_to_deliver(ref("send_list")) }}),

    fields as ({{ fields_to_deliver("messages", fields) }}),

    merge_field_tags as (select * from {{ ref("merge_field_tags") }}),

    -- one row, one column a field: the tag under which Mailchimp knows it
    tags as (
        select
            {%- for field in fields %}
                max(
                    case when merge_field = '{{ field }}' then merge_tag end
                ) as {{ field }}_tag{{ "," if not loop.last }}
            {%- endfor %}
        from merge_field_tags
        where dialect = 'mailchimp'
    ),

    tagged as (select * from fields cross join tags),

    final as (
        select
            campaign_id,
            dispatch_id,
            user_id,
            variant,
            send_at,
            valid_until,
            '{"email_address": '
            || {{ json_text_literal("address") }}
            || ', "status_if_new": "subscribed", "merge_fields": '
            || {{ json_object_text(members, fields, names, '""') }}
            || '}' as payload
        from tagged
    )

select *
from final
