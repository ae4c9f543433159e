{% macro is_pseudonym(user_id) %}
    {# the ledger names an erased person by a pseudonym; scripts/sendworthy/privacy/erasure.py makes it #}
    {{- return(user_id ~ " like 'erased:%'") -}}
{% endmacro %}
