{% macro zone_of_offset(text) -%}
    {# an offset from UTC that stands where a zone should (+02:00, UTC+2, GMT-0530, Z), as +02:00; null where it is none, or more than 14 hours #}
    {%- set offset = "upper(" ~ text ~ ")" -%}
    {%- set seconds = offset_seconds(offset) -%}
    case
        when {{ offset }} = 'Z'
        then '+00:00'
        when
            {{ matches(offset, "^(UTC|GMT)? ?[+-]([0-9]|0[0-9]|1[0-4])(:?[0-5][0-9])?\\z") }}
            and abs({{ seconds }}) <= 50400
        then {{ offset_text(seconds) }}
    end
{%- endmacro %}


{% macro offset_text(seconds) -%}
    {# an offset in seconds as +02:00 #}
    case when {{ seconds }} < 0 then '-' else '+' end
    || lpad(cast(cast(floor(abs({{ seconds }}) / 3600) as integer) as {{ text_type() }}), 2, '0')
    || ':'
    || lpad(cast(cast(floor(abs({{ seconds }}) % 3600 / 60) as integer) as {{ text_type() }}), 2, '0')
{%- endmacro %}
