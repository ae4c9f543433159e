{% macro time_of_text(text) -%}
    {#
        A trimmed text as a time in UTC, null where it is none: ISO 8601 with or without seconds; with Z, UTC or an offset, else UTC; a
        date alone (its first moment); Unix time in seconds, milliseconds or microseconds. A named zone is no time.
    #}
    {%- set upper_text = "replace(upper(" ~ text ~ "), ',', '.')" -%}
    {%- set zone = "( ?(Z|UTC|[+-][0-9]{2}(:?[0-9]{2})?))\\z" -%}
    case
        when {{ matches(text, local_time_pattern()) }}
        then try_cast({{ upper_text }} as timestamp)
        when {{ matches(text, zoned_time_pattern()) }}
        then
            {{
                add_seconds(
                    "try_cast(" ~ replace_all(upper_text, zone) ~ " as timestamp)",
                    "-1 * " ~ offset_seconds(upper_text),
                )
            }}
        when {{ matches(text, "^([0-9]{10}|[0-9]{13}|[0-9]{16})([.]0*)?\\z") }}
        then {{ time_of_microseconds(microseconds_of_digits(text)) }}
    end
{%- endmacro %}


{% macro is_date_alone(text) -%}
    {# whether a trimmed text is a date without a time of day: it is the whole day #}
    coalesce({{ matches(text, "^" ~ year_pattern() ~ "-[0-9]{2}-[0-9]{2}\\z") }}, false)
{%- endmacro %}


{% macro last_moment_of_day(time) -%}
    {{ add_microseconds("date_trunc('day', " ~ time ~ ")", 86399999999) }}
{%- endmacro %}


{% macro offset_seconds(text) -%}
    {# the offset from UTC at the end of a text: +02:00, +0200 or +02; 0 where there is none (Z, UTC) #}
    (
        case when {{ first_match(text, "[+-][0-9]{1,2}(:?[0-9]{2})?\\z") }} like '-%' then -1 else 1 end * (
            3600
            * coalesce(try_cast({{ first_match(text, "[+-]([0-9]{1,2})(:?[0-9]{2})?\\z", 1) }} as integer), 0)
            + 60
            * coalesce(try_cast({{ first_match(text, "[+-][0-9]{1,2}:?([0-9]{2})\\z", 1) }} as integer), 0)
        )
    )
{%- endmacro %}


{% macro microseconds_of_digits(text) -%}
    {# Unix time by its number of digits #}
    case length({{ replace_all(text, "[.]0*\\z") }}) when 10 then 1000000 when 13 then 1000 else 1 end
    * try_cast({{ replace_all(text, "[.]0*\\z") }} as bigint)
{%- endmacro %}


{% macro year_pattern() %}
    {#- a year of four digits; there is no year 0 -#}
    {{- return("([1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])") -}}
{% endmacro %}


{% macro local_time_pattern() %}
    {#- a time that names no offset: it is UTC -#}
    {{- return("^" ~ year_pattern() ~ "-[0-9]{2}-[0-9]{2}([Tt ]([01]?[0-9]|2[0-3]):[0-9]{1,2}(:[0-9]{1,2}([.,][0-9]*)?)?)?\\z") -}}
{% endmacro %}


{% macro zoned_time_pattern() %}
    {#- a time with its offset from UTC, or with Z or UTC -#}
    {{- return(
        "^" ~ year_pattern() ~ "-[0-9]{2}-[0-9]{2}[Tt ]([01]?[0-9]|2[0-3]):[0-9]{1,2}(:[0-9]{1,2}([.,][0-9]*)?)?"
        ~ " ?([Zz]|[Uu][Tt][Cc]|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)\\z"
    ) -}}
{% endmacro %}


{% macro first_time() %}
    {#- what programs that read the tables can hold: the years 1 to 9999 -#}
    {{- return("timestamp '0001-01-01 00:00:00'") -}}
{% endmacro %}

{% macro last_time() %} {{- return("timestamp '9999-12-31 23:59:59.999999'") -}}{% endmacro %}
