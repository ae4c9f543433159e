{# Where a message can go (contract §5, addresses). Each takes a trimmed address; null gives null or false. #}
{% macro is_valid_address(channel, address) -%}
    coalesce(
        case
            {{ channel }}
            when 'email'
            then {{ is_valid_email(address) }}
            when 'sms'
            then {{ matches(address, "^\\+[1-9][0-9]{6,14}\\z") }}
            when 'push'
            then true
        end
        and not {{ is_blank(without_html_references(address)) }},
        false
    )
{%- endmacro %}


{% macro is_valid_email(address) -%}
    (
        length({{ address }}) <= 254
        and not {{ matches(address, "[" ~ invisible_characters() ~ "]") }}
        {# one @; a local part of 1 to 64; two or more labels of 1 to 63 letters, digits and inner hyphens #}
        and {{ matches(address, "^[^@]{1,64}@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\\.)+[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\\z") }}
        and not {{ matches(address, "@.*[A-Za-z0-9-]{64}") }}
        {# no leading, trailing or doubled dot in the local part #}
        and not {{ matches(address, "^\\.|\\.\\.|\\.@") }}
    )
{%- endmacro %}
