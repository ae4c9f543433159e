{#- Of each column the newest version counts whose file has the column. -#}
{%- set columns = [
    "email",
    "phone",
    "push_token",
    "first_name",
    "last_name",
    "city",
    "country",
    "language",
    "timezone",
    "signed_up_at",
    "email_opt_in",
    "sms_opt_in",
    "push_opt_in",
    "email_opt_in_at",
    "sms_opt_in_at",
    "push_opt_in_at",
    "topics_opted_out",
    "max_messages_per_week",
    "attributes",
] -%}

with
    versions as (select * from {{ ref("int_users__versions") }}),

    zones as (select * from {{ ref("timezones") }}),

    newest as (
        select
            user_id,
            {%- for column in columns %}
                {{ newest(column, "updated_at", "user_id", has_column(column)) }} as {{ column }},
            {%- endfor %}
            max(updated_at) as updated_at
        from versions
        where not is_erased
        group by user_id
    ),

    zoned as (
        select
            newest.*,
            coalesce(zones.timezone_name, {{ zone_of_offset(trimmed("newest.timezone")) }}) as known_timezone
        from newest
        left join zones on lower({{ trimmed("newest.timezone") }}) = lower(zones.timezone_name)
    ),

    final as (
        select
            user_id,
            {%- for column in columns if column not in ["timezone", "topics_opted_out"] %}
                {{ column }},
            {%- endfor %}
            coalesce(topics_opted_out, {{ empty_list() }}) as topics_opted_out,
            coalesce(known_timezone, '{{ var("default_timezone") }}') as timezone,
            coalesce({{ trimmed("timezone") }}, '') <> '' and known_timezone is null as is_timezone_unknown,
            updated_at
        from zoned
    )

select *
from final
