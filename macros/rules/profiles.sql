{# How the versions of a profile are read together. #}
{% macro has_column(column) -%}
    {# whether the file of a profile's version has a column #}
    {{ list_has("given_columns", "'" ~ column ~ "'") }}
{%- endmacro %}


{% macro strictest(consent, condition) -%}
    {# an aggregate: the strictest of the consents that meet the condition; false is stricter than unknown, unknown than true #}
    case
        when count(case when {{ condition }} and not {{ consent }} then 1 end) > 0
        then false
        when count(case when {{ condition }} and {{ consent }} is null then 1 end) > 0
        then null
        when count(case when {{ condition }} then 1 end) > 0
        then true
    end
{%- endmacro %}


{% macro has_not_ended(unsubscribed_at, consented_at) -%}
    {# whether an unsubscription still holds: consent ends it only where it was given after it #}
    ({{ unsubscribed_at }} is not null and not {{ has(consented_at ~ " > " ~ unsubscribed_at) }})
{%- endmacro %}
