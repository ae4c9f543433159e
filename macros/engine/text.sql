{#- Regular expressions and hashes. Patterns keep to what RE2 and Java both know: classes, no look-arounds. -#}
{% macro matches(text, pattern) %}
    {#- whether the pattern occurs in the text; null for null -#}
    {{ return(adapter.dispatch("matches", "sendworthy")(text, pattern)) }}
{% endmacro %}

{% macro duckdb__matches(text, pattern) %} regexp_matches({{ text }}, {{ sql_text(pattern) }}){% endmacro %}

{% macro spark__matches(text, pattern) %} regexp_like({{ text }}, {{ sql_text(pattern) }}){% endmacro %}


{% macro replace_all(text, pattern) %}
    {#- the text without anything that the pattern matches -#}
    {{ return(adapter.dispatch("replace_all", "sendworthy")(text, pattern)) }}
{% endmacro %}

{% macro duckdb__replace_all(text, pattern) %}
    regexp_replace({{ text }}, {{ sql_text(pattern) }}, '', 'g')
{% endmacro %}

{% macro spark__replace_all(text, pattern) %}
    regexp_replace({{ text }}, {{ sql_text(pattern) }}, '')
{% endmacro %}


{% macro replace_each(text, pattern, replacement) %}
    {#- the text with a plain text in the place of each match of the pattern -#}
    {{ return(adapter.dispatch("replace_each", "sendworthy")(text, pattern, replacement)) }}
{% endmacro %}

{% macro duckdb__replace_each(text, pattern, replacement) %}
    regexp_replace({{ text }}, {{ sql_text(pattern) }}, {{ sql_text(replacement) }}, 'g')
{% endmacro %}

{% macro spark__replace_each(text, pattern, replacement) %}
    {#- Spark would put a group of the pattern in the place of $1 -#}
    regexp_replace(
        {{ text }},
        {{ sql_text(pattern) }},
        {{ sql_text(replacement | replace("\\", "\\\\") | replace("$", "\\$")) }}
    )
{% endmacro %}


{% macro first_match(text, pattern, group=0) %}
    {#- what a pattern, or a group of it, matches first in a text; '' where it matches nothing -#}
    {{- return("regexp_extract(" ~ text ~ ", " ~ sql_text(pattern) ~ ", " ~ group ~ ")") -}}
{% endmacro %}


{% macro all_matches(text, pattern) %}
    {#- all that a pattern matches in a text, as a list -#}
    {{- return("regexp_extract_all(" ~ text ~ ", " ~ sql_text(pattern) ~ ", 0)") -}}
{% endmacro %}


{% macro character_of_code(code) %}
    {#- the character of a code point of Unicode -#}
    {{ return(adapter.dispatch("character_of_code", "sendworthy")(code)) }}
{% endmacro %}

{% macro duckdb__character_of_code(code) %} chr(cast({{ code }} as integer)){% endmacro %}

{% macro spark__character_of_code(code) %}
    {#- behind another letter: at the beginning, U+FEFF would say how the bytes are to be read -#}
    substr(decode(unhex('00000078' || lpad(hex({{ code }}), 8, '0')), 'UTF-32'), 2)
{% endmacro %}


{% macro number_of_hex(text) %}
    {#- a number written in hexadecimal digits -#}
    {{ return(adapter.dispatch("number_of_hex", "sendworthy")(text)) }}
{% endmacro %}

{% macro duckdb__number_of_hex(text) %} try_cast('0x' || {{ text }} as integer){% endmacro %}

{% macro spark__number_of_hex(text) %} cast(conv({{ text }}, 16, 10) as integer){% endmacro %}


{% macro address_hash(address) %}
    {#- what stands for an address where the address itself is not kept: the SHA-256 of it in lower case; null for null -#}
    {{ return(adapter.dispatch("address_hash", "sendworthy")(address)) }}
{% endmacro %}

{% macro duckdb__address_hash(address) %} sha256({{ lowered(address) }}){% endmacro %}

{% macro spark__address_hash(address) %} sha2({{ lowered(address) }}, 256){% endmacro %}


{% macro later_letters() %}
    {#-
        the inside of a character class: the letters and digits that Unicode got with versions 14 and 15. Java 17 does not know
        them, so a pattern says them, or a name in one of these scripts would be blank on Spark
    -#}
    {{- return(
        "\\x{870}-\\x{887}\\x{889}-\\x{88E}\\x{8B5}\\x{8C8}-\\x{8C9}\\x{C5D}\\x{CDD}\\x{170D}\\x{171F}\\x{1B4C}"
        ~ "\\x{2C2F}\\x{2C5F}\\x{9FFD}-\\x{9FFF}\\x{A7C0}-\\x{A7C1}\\x{A7D0}-\\x{A7D1}\\x{A7D3}\\x{A7D5}-\\x{A7D9}"
        ~ "\\x{A7F2}-\\x{A7F4}\\x{10570}-\\x{1057A}\\x{1057C}-\\x{1058A}\\x{1058C}-\\x{10592}\\x{10594}-\\x{10595}"
        ~ "\\x{10597}-\\x{105A1}\\x{105A3}-\\x{105B1}\\x{105B3}-\\x{105B9}\\x{105BB}-\\x{105BC}\\x{10780}-\\x{10785}"
        ~ "\\x{10787}-\\x{107B0}\\x{107B2}-\\x{107BA}\\x{10F70}-\\x{10F81}\\x{11071}-\\x{11072}\\x{11075}"
        ~ "\\x{1123F}-\\x{11240}\\x{11740}-\\x{11746}\\x{11AB0}-\\x{11ABF}\\x{11F02}\\x{11F04}-\\x{11F10}"
        ~ "\\x{11F12}-\\x{11F33}\\x{11F50}-\\x{11F59}\\x{12F90}-\\x{12FF0}\\x{1342F}\\x{13441}-\\x{13446}"
        ~ "\\x{16A70}-\\x{16ABE}\\x{16AC0}-\\x{16AC9}\\x{1AFF0}-\\x{1AFF3}\\x{1AFF5}-\\x{1AFFB}\\x{1AFFD}-\\x{1AFFE}"
        ~ "\\x{1B11F}-\\x{1B122}\\x{1B132}\\x{1B155}\\x{1DF00}-\\x{1DF1E}\\x{1DF25}-\\x{1DF2A}\\x{1E030}-\\x{1E06D}"
        ~ "\\x{1E290}-\\x{1E2AD}\\x{1E4D0}-\\x{1E4EB}\\x{1E4F0}-\\x{1E4F9}\\x{1E7E0}-\\x{1E7E6}\\x{1E7E8}-\\x{1E7EB}"
        ~ "\\x{1E7ED}-\\x{1E7EE}\\x{1E7F0}-\\x{1E7FE}\\x{2A6DE}-\\x{2A6DF}\\x{2B735}-\\x{2B739}\\x{31350}-\\x{323AF}"
    ) -}}
{% endmacro %}


{% macro later_format_characters() %}
    {#- the same for the format characters -#}
    {{- return("\\x{890}\\x{891}\\x{13439}-\\x{1343F}") -}}
{% endmacro %}


{% macro is_in_column(value, relation, column) %}
    {#- whether a column of a small relation holds the value; false for null -#}
    coalesce({{ value }} in (select {{ column }} from {{ relation }}), false)
{% endmacro %}


{% macro hash_number(text) %}
    {#- the first 8 hex digits of the md5 of a text, as a number -#}
    {{ return(adapter.dispatch("hash_number", "sendworthy")(text)) }}
{% endmacro %}

{% macro duckdb__hash_number(text) %} cast('0x' || substr(md5({{ text }}), 1, 8) as bigint){% endmacro %}

{% macro spark__hash_number(text) %} cast(conv(substr(md5({{ text }}), 1, 8), 16, 10) as bigint){% endmacro %}


{% macro date_text(time) %}
    {#- YYYY-MM-DD -#}
    {{ return(adapter.dispatch("date_text", "sendworthy")(time)) }}
{% endmacro %}

{% macro duckdb__date_text(time) %} strftime({{ time }}, '%Y-%m-%d'){% endmacro %}

{% macro spark__date_text(time) %} date_format({{ time }}, 'yyyy-MM-dd'){% endmacro %}


{% macro iso_text(time) %}
    {#- YYYY-MM-DDThh:mm:ssZ -#}
    {{ return(adapter.dispatch("iso_text", "sendworthy")(time)) }}
{% endmacro %}

{% macro duckdb__iso_text(time) %} strftime({{ time }}, '%Y-%m-%dT%H:%M:%SZ'){% endmacro %}

{% macro spark__iso_text(time) %} date_format({{ time }}, 'yyyy-MM-dd\'T\'HH:mm:ss\'Z\''){% endmacro %}


{% macro fail_with(message) %}
    {#- an expression that ends the night with a message; message: an expression -#}
    {{ return(adapter.dispatch("fail_with", "sendworthy")(message)) }}
{% endmacro %}

{% macro duckdb__fail_with(message) %} error({{ message }}){% endmacro %}

{% macro spark__fail_with(message) %} raise_error({{ message }}){% endmacro %}


{% macro lowered(text) %}
    {#- in lower case, one letter for one letter -#}
    {{ return(adapter.dispatch("lowered", "sendworthy")(text)) }}
{% endmacro %}

{% macro duckdb__lowered(text) %} lower({{ text }}){% endmacro %}

{% macro spark__lowered(text) -%}
    {#- Spark makes two letters of the capital I with a dot, and another sigma where a word ends -#}
    lower(replace(replace({{ text }}, 'İ', 'i'), 'Σ', 'σ'))
{%- endmacro %}


{% macro trim_of(text, characters) %}
    {#- the text without any of the characters at both ends -#}
    {{ return(adapter.dispatch("trim_of", "sendworthy")(text, characters)) }}
{% endmacro %}

{% macro duckdb__trim_of(text, characters) %} trim({{ text }}, {{ characters }}){% endmacro %}

{% macro spark__trim_of(text, characters) %} btrim({{ text }}, {{ characters }}){% endmacro %}


{% macro white_space() %}
    {#- what is trimmed from a value before it is read: space, tab, line feed, vertical tab, form feed, carriage return -#}
    {{- return("' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)") -}}
{% endmacro %}


{% macro is_white_space(text) %}
    {#- whether a text is nothing but white space, or nothing at all -#}
    {{ return(adapter.dispatch("is_white_space", "sendworthy")(text)) }}
{% endmacro %}

{% macro duckdb__is_white_space(text) -%}
    {# almost every text begins with something else, and looking at one character is ten times as quick as trimming #}
    (case when ord({{ text }}) > 32 then false else {{ trim_of(text, white_space()) }} = '' end)
{%- endmacro %}

{% macro spark__is_white_space(text) %}({{ trim_of(text, white_space()) }} = ''){% endmacro %}


{% macro text_within_bytes(text, bytes) %}
    {#- the text, or its longest beginning of whole characters that has no more bytes -#}
    {{ return(adapter.dispatch("text_within_bytes", "sendworthy")(text, bytes)) }}
{% endmacro %}

{% macro duckdb__text_within_bytes(text, bytes) -%}
    case
        when strlen({{ text }}) <= {{ bytes }}
        then {{ text }}
        else
            list_last(
                list_filter(
                    list_transform(range(0, {{ bytes }} + 1), lambda n:left({{ text }}, n)),
                    lambda start:strlen(start) <= {{ bytes }}
                )
            )
    end
{%- endmacro %}

{% macro spark__text_within_bytes(text, bytes) -%}
    case
        when octet_length({{ text }}) <= {{ bytes }}
        then {{ text }}
        else
            try_element_at(
                filter(
                    transform(sequence(0, {{ bytes }}), n -> left({{ text }}, n)),
                    start -> octet_length(start) <= {{ bytes }}
                ),
                -1
            )
    end
{%- endmacro %}
