{#-
    Where the values of merge fields come from. A field of seeds/merge_fields.csv that has no line here is the profile's custom
    attribute of its name.
-#}
{%- set fields = {
    "first_name": "users.first_name",
    "last_name": "users.last_name",
    "city": "users.city",
    "country": "users.country",
    "language": "users.language",
    "last_viewed_product_name": "events.last_viewed_product_name",
    "cart_product_name": "events.cart_product_name",
    "last_order_product_name": "events.last_order_product_name",
    "place_name": "places.place_name",
    "loyalty_points": json_scalar("users.attributes", "loyalty_points"),
    "favorite_category": json_string("users.attributes", "favorite_category"),
} -%}
{%- for field in declared_merge_fields() if field not in fields -%}
    {%- do fields.update({field: json_scalar("users.attributes", field)}) -%}
{%- endfor %}

with
    users as (select * from {{ ref("int_users__current") }}),

    events as (select * from {{ ref("int_events__by_user") }}),

    places as (select * from {{ ref("int_events__nearest_place") }}),

    found as (
        select
            users.user_id
            {%- for field, expression in fields.items() %}, {{ expression }} as {{ field }} {%- endfor %}
        from users
        left join events on users.user_id = events.user_id
        left join places on users.user_id = places.user_id
    ),

    decoded as (
        select
            user_id
            {%- for field in fields %}, {{ without_html_references(field) }} as {{ field }} {%- endfor %}
        from found
    ),

    -- each word is asked once a value: this is where the time goes
    judged as {{ computed_once() }} (
        select
            {%- for field in fields %}
                {{ field }},
                {{ is_placeholder(field) }} as {{ field }}_is_placeholder,
                {{ is_unsafe(field) }} as {{ field }}_is_unsafe,
            {%- endfor %}
            user_id
        from decoded
    ),

    usable as (
        select
            {%- for field in fields %}
                {{ merge_value(field, field ~ "_is_placeholder", field ~ "_is_unsafe") }} as {{ field }},
                {{ field }}_is_placeholder,
                {{ field }}_is_unsafe,
            {%- endfor %}
            user_id
        from judged
    ),

    listed as (
        select
            user_id,
            {%- for field in fields %} {{ field }}, {%- endfor %}
            {%- set blank = [] %}
            {%- set unsafe = [] %}
            {%- set placeholder = [] %}
            {%- for field in fields %}
                {%- do blank.append("case when " ~ field ~ " is null then '" ~ field ~ "' end") %}
                {%- do unsafe.append("case when " ~ field ~ "_is_unsafe then '" ~ field ~ "' end") %}
                {%- do placeholder.append(
                    "case when " ~ field ~ "_is_placeholder then '" ~ field ~ "' end"
                ) %}
            {%- endfor %}
            {{ list_of(blank) }} as blank_fields,
            {{ list_of(unsafe) }} as unsafe_fields,
            {{ list_of(placeholder) }} as placeholder_fields
        from usable
    ),

    -- people with the same blanks can be sent the same variants: few patterns stand for many people
    final as (select *, {{ list_text("blank_fields") }} as blank_pattern from listed)

select *
from final
