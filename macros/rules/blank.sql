{#
    The words of contract §5 that decide what a person sees: what is blank, what is unsafe, what trimming is.
    One macro each; the marts, the gate and the tests all use these.
#}
{% macro invisible_letters() %}
    {# The inside of a character class: what Unicode draws as nothing though it calls it a letter (the Hangul fillers). #}
    {{- return("\\x{115F}\\x{1160}\\x{3164}\\x{FFA0}") -}}
{% endmacro %}


{% macro invisible_characters() %}
    {#
        The inside of a character class: white space, control and format characters, and what Unicode draws as nothing though
        it is a letter, a mark or a symbol (combining grapheme joiner, Khmer inherent vowels, Mongolian and other variation
        selectors, braille blank, musical null notehead, and the default-ignorable range of plane 14).
    #}
    {{- return(
        "\\p{Z}\\p{Cc}\\p{Cf}" ~ later_format_characters() ~ invisible_letters()
        ~ "\\x{034F}\\x{17B4}\\x{17B5}\\x{180B}-\\x{180F}\\x{2065}\\x{2800}\\x{FE00}-\\x{FE0F}"
        ~ "\\x{FFF0}-\\x{FFF8}\\x{1D159}\\x{E0000}-\\x{E0FFF}"
    ) -}}
{% endmacro %}


{% macro is_placeholder(text) -%}
    {# a word that stands where a value should be; it may also be the real value of somebody: "Null" and "Test" are surnames #}
    {{ is_in_column(lowered(trimmed(text)), ref("placeholder_values"), "placeholder_value") }}
{%- endmacro %}


{% macro is_blank(text, placeholder=none) -%}
    {# whoever has worked out is_placeholder already gives it, for it is expensive #}
    {%- set space = "\\s\\p{Z}" -%}
    {%- set words = [] -%}
    {%- for begin, end in [("\\{", "\\}"), ("\\[", "\\]"), ("%", "%")] -%}
        {%- do words.append(begin ~ "[" ~ space ~ "]*[^" ~ space ~ begin ~ end ~ "]+[" ~ space ~ "]*" ~ end) -%}
    {%- endfor -%}
    (
        {{ text }} is null
        {# no letter and no digit of any script is left when what is invisible is taken away #}
        or not {{ matches(text, "[^\\P{L}" ~ invisible_letters() ~ "]|\\p{Nd}|[" ~ later_letters() ~ "]") }}
        or {{ placeholder or is_placeholder(text) }}
        {# template syntax that an import did not fill, or one word that is nothing but a placeholder of some template language #}
        or {{ matches(text, "\\{\\{|\\}\\}|\\{%|\\*\\||%%|\\[\\[|\\$\\{|<%|%>|#\\{|%[A-Za-z_][A-Za-z0-9_]*%") }}
        or {{ matches(trimmed(text), "^(" ~ words | join("|") ~ "|[$@][^" ~ space ~ "]+)\\z") }}
    )
{%- endmacro %}


{% macro is_unsafe(text) -%}
    coalesce(
        {# markup; a line break or another control character; an address to click on; too long for a merge field #}
        {{ matches(text, "<[\\p{L}" ~ later_letters() ~ "/!]|[\\p{Cc}\\x{2028}\\x{2029}]|://") }}
        {# a reference of HTML that was not decoded, or that decoding has left #}
        or {{ matches(text, "&([A-Za-z][A-Za-z0-9]*;|#[0-9xX])") }}
        or length({{ text }}) > 255,
        false
    )
{%- endmacro %}


{% macro merge_value(text, placeholder, unsafe) -%}
    {# what a message may print: null when blank or unsafe, else trimmed; is_placeholder and is_unsafe come worked out #}
    case when not {{ is_blank(text, placeholder) }} and not {{ unsafe }} then {{ trimmed(text) }} end
{%- endmacro %}
