{% macro boolean_of_text(text, words=none) -%}
    {# true, false, or null where the trimmed text is neither; words: two more, for true and for false, that a source declares #}
    case
        when
            lower({{ text }}) in (
                'true',
                't',
                'yes',
                'y',
                '1',
                '1.0',
                'on',
                'subscribed'
                {% if words %}, {{ sql_text(words[0] | lower) }}{% endif %}
            )
        then true
        when
            lower({{ text }}) in (
                'false',
                'f',
                'no',
                'n',
                '0',
                '0.0',
                'off',
                'unsubscribed'
                {% if words %}, {{ sql_text(words[1] | lower) }}{% endif %}
            )
        then false
    end
{%- endmacro %}
