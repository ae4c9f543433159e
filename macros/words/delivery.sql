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
