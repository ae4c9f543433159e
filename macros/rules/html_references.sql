{% macro without_html_references(text) -%}
    {#
        &amp;, &lt;, &gt;, &quot;, &apos;, &nbsp; and numeric references as the characters that they stand for, each once. Any other reference
        stays, and makes the value unsafe.
    #}
    case when contains({{ text }}, '&') then {{ replace_html_references(text) }} else {{ text }} end
{%- endmacro %}


{% macro replace_html_references(text) %}{{ return(adapter.dispatch("replace_html_references", "sendworthy")(text)) }}{% endmacro %}

{% macro duckdb__replace_html_references(text) -%}
    array_to_string(
        list_transform(
            list_zip({{ split_text(text, html_reference_pattern()) }}, {{ all_matches(text, html_reference_pattern()) }}),
            lambda piece: piece[1] || coalesce({{ html_character("piece[2]") }}, '')
        ),
        ''
    )
{%- endmacro %}

{% macro spark__replace_html_references(text) -%}
    array_join(
        transform(
            {{ split_text(text, html_reference_pattern()) }},
            (piece, place) -> piece || coalesce({{ html_character("get(" ~ all_matches(text, html_reference_pattern()) ~ ", place)") }}, '')
        ),
        ''
    )
{%- endmacro %}


{% macro html_reference_pattern() %}{{- return("&(?:amp|lt|gt|quot|apos|nbsp|#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6});") -}}{% endmacro %}


{% macro html_character(reference) -%}
    {# what a reference stands for; one that stands for no character stays what it is #}
    case {{ reference }}
        when '&amp;' then '&'
        when '&lt;' then '<'
        when '&gt;' then '>'
        when '&quot;' then '"'
        when '&apos;' then {{ sql_text("'") }}
        when '&nbsp;' then {{ character_of_code("160") }}
        else
            {%- set code -%}
                case
                    when {{ matches(reference, "^&#[xX]") }} then {{ number_of_hex(first_match(reference, "[0-9a-fA-F]+")) }}
                    else try_cast({{ first_match(reference, "[0-9]+") }} as integer)
                end
            {%- endset %}
            case
                when {{ code }} between 1 and 55295 or {{ code }} between 57344 and 1114111 then {{ character_of_code(code) }}
                else {{ reference }}
            end
    end
{%- endmacro %}
