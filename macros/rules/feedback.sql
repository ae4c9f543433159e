{% macro fewest_people() %}
    {# what fewer people have said is not summed up: a sum of one person's words is personal #}
    {{ return(5) }}
{% endmacro %}


{% macro shown_count(count, people) -%}
    {# how many of the people who spoke said something; null where so few spoke that it is not summed up #}
    case when {{ people }} = 0 or {{ people }} >= {{ fewest_people() }} then {{ count }} end
{%- endmacro %}


{% macro newest_said(keys) -%}
    {# 1 for the newest thing said of each key, one that is clear before one that is not; of two in one moment the worse #}
    row_number() over (
        partition by {{ keys }}
        order by
            case when sentiment = 'unclear' then 1 else 0 end,
            said_at desc,
            case sentiment when 'negative' then 0 when 'neutral' then 1 else 2 end,
            feedback_id
    )
{%- endmacro %}
