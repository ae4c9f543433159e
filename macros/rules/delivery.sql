{#
    What a merge value becomes on its way out, where the tools that read lists could be made to do or show something else. The
    marts keep the value as it is; each export says which of the two it needs.
#}
{% macro without_overrides(text) -%}
    {#
        without the characters that turn the direction of what follows, beyond the value: an address or a file name could be made
        to read backwards. The marks that Hebrew and Arabic names need (U+200E, U+200F, U+061C) turn nothing else, and stay.
    #}
    {%- set overrides = "[\\x{202A}-\\x{202E}\\x{2066}-\\x{2069}]" -%}
    case when {{ matches(text, overrides) }} then {{ replace_all(text, overrides) }} else {{ text }} end
{%- endmacro %}


{% macro spreadsheet_text(text) -%}
    {#
        a value for a cell of a CSV: one that a spreadsheet would take for a formula gets an apostrophe, which spreadsheets hide. A
        number stays what it is. Ids and addresses are keys: they are never changed.
    #}
    case
        when
            {{ matches(text, "^[=+\\-@\\x{FF1D}\\x{FF0B}\\x{FF0D}\\x{FF20}]") }}
            and not {{ matches(text, "^[+-]?[0-9]+([.,][0-9]+)*\\z") }}
        then {{ sql_text("'") }} || {{ text }}
        else {{ text }}
    end
{%- endmacro %}


{% macro destination_setting(name, default) -%}
    {#- what the description of the destination that is being built says under a name; the default while dbt only parses -#}
    {{- return(model.config.get("meta", {}).get("destination", {}).get(name, default)) -}}
{%- endmacro %}


{% macro messages_to_deliver(send_list) -%}
    {#-
        the messages of the send list that the destination takes: those of its channels, and where it knows people by their
        address, one of each campaign and address, because a second row would overwrite the values of the first
    -#}
    {%- set channels = destination_setting("channels", []) -%}
    {%- set one_per_address = destination_setting("one_per_address", false) -%}
    select
        dispatch_id,
        user_id,
        campaign_id,
        channel,
        address,
        variant,
        send_at,
        valid_until,
        cancel_on,
        {{ without_overrides("merge_values") }} as merge_values,
        arm
    from
    {%- if one_per_address %}
            (
                select
                    *,
                    row_number() over (
                        partition by campaign_id, {{ lowered("address") }} order by dispatch_id
                    ) as place
                from {{ send_list }}
            ) as placed
        where place = 1 and
    {%- else %} {{ send_list }} where
    {%- endif %}
        channel in (
            {% for channel in channels %}{{ sql_text(channel) }}{{ ", " if not loop.last }}
            {% else %}''
            {% endfor %}
        )
{%- endmacro %}


{% macro fields_to_deliver(messages, fields) -%}
    {#-
        the messages with a column for each merge field (cut where the destination would cut it or refuse it, null where the variant does not print it, or it is blank), their times as
        text, and the names of the fields that the variant prints and that are blank tonight. Those are never empty: an empty cell
        would leave yesterday's names where they are
    -#}
    {%- set bytes = destination_setting("limits", {}).get("max_value_bytes", {}).get("value") -%}
    {#- a cell may get an apostrophe -#}
    {%- set bytes = bytes - 1 if bytes and destination_setting("format", "") == "csv" else bytes -%}
    {%- set values = {} -%}
    {%- for field in fields -%}
        {%- set value = json_string("merge_values", field) -%}
        {%- do values.update({field: text_within_bytes(value, bytes) if bytes else value}) -%}
    {%- endfor -%}
    {%- set blank = [] -%}
    {%- for field in fields -%}
        {%- do blank.append("case when " ~ json_has_null("merge_values", field) ~ " then '" ~ field ~ "' end") -%}
    {%- endfor -%}
    select
        dispatch_id,
        user_id,
        campaign_id,
        address,
        variant,
        {{ iso_text("send_at") }} as send_at,
        {{ iso_text("valid_until") }} as valid_until,
        merge_values,
        {%- for field in fields %} {{ values[field] }} as {{ field }}, {%- endfor %}
        coalesce(nullif({{ list_text(list_of(blank)) }}, ''), 'none') as blank_fields
    from {{ messages }}
{%- endmacro %}


{% macro json_object_text(members, fields=[], names={}, blank="null") -%}
    {#-
        a JSON object, as text: the members that every message has, and of the merge fields those that the variant prints, under
        `names` (SQL), or else the names that `fields` of the description gives; `blank` is how a blank one is said
    -#}
    {%- set parts = [] -%}
    {%- for name, value in members.items() -%}
        {%- do parts.append("'\"" ~ name ~ "\": ' || " ~ json_text_literal(value)) -%}
    {%- endfor -%}
    {%- for field in fields -%}
        {%- set name = names.get(field, sql_text(column_of_merge_field(field))) -%}
        {%- do parts.append(
            "case when " ~ field ~ " is not null then '\"' || " ~ name ~ " || '\": ' || " ~ json_text_literal(field)
            ~ " when " ~ json_has_null("merge_values", field) ~ " then '\"' || " ~ name ~ " || '\": " ~ blank ~ "' end"
        ) -%}
    {%- endfor -%}
    {{- return("'{' || concat_ws(', ', " ~ parts | join(", ") ~ ") || '}'") -}}
{%- endmacro %}


{% macro column_of_merge_field(field) -%}
    {#- the column of a merge field in a destination that has one for each: under the name that `fields` of its description gives -#}
    {{- return(destination_setting("fields", {}).get(field, field)) -}}
{%- endmacro %}


{% macro merge_field_columns(fields) -%}
    {#- what stands behind the columns that every message has: one column for each merge field, as cells of a CSV -#}
    {%- for field in fields %}
        , {{ spreadsheet_text(field) }} as {{ adapter.quote(column_of_merge_field(field)) }}
    {%- endfor -%}
{%- endmacro %}


{% macro add_merge_fields_to_contract() %}
    {#-
        the contract of a model that says `merge_field_columns: true` in its meta lists what every message has; its other columns are
        the merge fields, whichever there are tonight. So a new one is no change of five contracts, and any other column still is
    -#}
    {% if model.config.get("meta", {}).get("merge_field_columns") %}
        {% for field in merge_field_names(ref("merge_field_values")) %}
            {% set name = column_of_merge_field(field) %}
            {% do model["columns"].update({name: {"name": name, "data_type": "string", "quote": true}}) %}
        {% endfor %}
    {% endif %}
{% endmacro %}
