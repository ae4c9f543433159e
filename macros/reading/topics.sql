{% macro topics_of_text(text) -%}
    {#
        A trimmed text as a list of topics in lower case, null where it cannot be read: separated by ; , or |, a JSON list of texts, or
        an array as PostgreSQL writes it
    #}
    {%- set quoted = '"(?:[^"\\\\]|\\\\["\\\\/])*"' -%}
    {%- set json_text = '"(?:[^"\\\\\\p{Cc}]|\\\\(["\\\\/bfnrt]|u[0-9A-Fa-f]{4}))*"' -%}
    {%- set bare = '[^"{}\\\\,:=]+' -%}
    {%- set json_list = "^\\[\\s*(" ~ json_text ~ "\\s*(,\\s*" ~ json_text ~ "\\s*)*)?\\]\\z" -%}
    {%- set array = "^\\{((" ~ quoted ~ "|" ~ bare ~ ")(,(" ~ quoted ~ "|" ~ bare ~ "))*)?\\}\\z" -%}
    case
        when substr({{ text }}, 1, 1) = '['
        then case when {{ matches(text, json_list) }} then {{ topics_of_list(json_texts(text)) }} end
        when substr({{ text }}, 1, 1) = '{'
        then
            case
                when {{ matches(text, array) }} and not {{ matches(text, "(?i)[{,]\\s*null\\s*[,}]") }}
                then {{ tidy_topics(all_matches(text, quoted ~ "|" ~ bare)) }}
            end
        else {{ tidy_topics(split_text(text, "[;,|]")) }}
    end
{%- endmacro %}


{% macro tidy_topics(list) -%}
    {# topics without quotes and white space around them, in lower case, those that are empty left out #}
    {%- set unquoted -%}
        case
            when item like '"%"' then replace(replace(replace(substr(item, 2, length(item) - 2), {{ sql_text('\\"') }}, '"'), {{ sql_text("\\/") }}, '/'), {{ sql_text("\\\\") }}, {{ sql_text("\\") }})
            else item
        end
    {%- endset -%}
    {{ filter_list(map_list(map_list(list, unquoted), lowered(trimmed("item"))), "item <> ''") }}
{%- endmacro %}


{% macro topics_of_list(list) -%}
    {# the same of a list; null where an item is null #}
    case
        when {{ list_size(list) }} = {{ list_size(filter_list(list, "item is not null")) }}
        then {{ tidy_topics(map_list(list, "cast(item as " ~ text_type() ~ ")")) }}
    end
{%- endmacro %}


{% macro every_topic() %}
    {# the list that stands for all topics #}
    {{- return(list_of(["'all'"])) -}}
{% endmacro %}
