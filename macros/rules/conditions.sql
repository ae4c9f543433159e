{% macro has(condition) -%}
    {# a condition whose input is unknown does not hold #}
    coalesce({{ condition }}, false)
{%- endmacro %}


{% macro in_last(time, days) -%}
    {#- whether a time, that may be missing, is within so many days; the relation has the night as its column as_of #}
    {{ has(within_days(time, days, "as_of")) }}
{%- endmacro %}


{% macro is_slow(seconds, median_seconds) -%}
    {#- an onboarding against the median of the completed ones; where that is 0 or there is none, nobody is slow #}
    ({{ median_seconds }} > 0 and {{ seconds }} >= 2 * {{ median_seconds }})
{%- endmacro %}


{% macro is_positive_number(text) -%}
    {# a number as people write it, above 0; anything that is no number does not hold #}
    {{ has(matches(text, "^[0-9]+([.,][0-9]+)*\\z") ~ " and " ~ matches(text, "[1-9]")) }}
{%- endmacro %}


{% macro as_money(number) -%}
    {# decimal, so that a sum does not depend on the order of its rows; an absurd number counts as absent #}
    try_cast({{ number }} as decimal(18, 4))
{%- endmacro %}


{% macro as_seconds(number) -%}
    {# decimal, for the same reason #}
    try_cast({{ number }} as decimal(24, 9))
{%- endmacro %}
