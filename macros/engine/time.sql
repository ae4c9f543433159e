{#- Arithmetic of times. All times are UTC without a zone; a day is 24 hours. -#}
{% macro add_seconds(time, seconds) %}
    {{ return(adapter.dispatch("add_seconds", "sendworthy")(time, seconds)) }}
{% endmacro %}

{% macro duckdb__add_seconds(time, seconds) %} ({{ time }} + to_seconds({{ seconds }})){% endmacro %}

{% macro spark__add_seconds(time, seconds) %}
    ({{ time }} + make_dt_interval(0, 0, 0, {{ seconds }}))
{% endmacro %}


{% macro add_microseconds(time, microseconds) %}
    {{ return(adapter.dispatch("add_microseconds", "sendworthy")(time, microseconds)) }}
{% endmacro %}

{% macro duckdb__add_microseconds(time, microseconds) %}
    ({{ time }} + to_microseconds({{ microseconds }}))
{% endmacro %}

{% macro spark__add_microseconds(time, microseconds) %}
    timestamp_micros(unix_micros({{ time }}) + {{ microseconds }})
{% endmacro %}


{% macro time_of_microseconds(microseconds) %}
    {#- Unix time in microseconds as a time -#}
    {{ return(adapter.dispatch("time_of_microseconds", "sendworthy")(microseconds)) }}
{% endmacro %}

{% macro duckdb__time_of_microseconds(microseconds) %} make_timestamp({{ microseconds }}){% endmacro %}

{% macro spark__time_of_microseconds(microseconds) %} timestamp_micros({{ microseconds }}){% endmacro %}


{% macro utc_time(text) %}
    {#- a time as a person writes it, in UTC where it names no offset -#}
    {{ return(adapter.dispatch("utc_time", "sendworthy")(text)) }}
{% endmacro %}

{% macro duckdb__utc_time(text) %}
    (cast({{ sql_text(text) }} as timestamptz) at time zone 'UTC')
{% endmacro %}

{% macro spark__utc_time(text) %} cast({{ sql_text(text) }} as timestamp){% endmacro %}


{% macro hour_of_day(time, hour) %}
    {#- the full hour on the day of a time -#}
    {{ return(add_seconds("date_trunc('day', " ~ time ~ ")", "3600 * " ~ hour)) }}
{% endmacro %}


{% macro days_before(time, days) %} {{ return(add_seconds(time, "-86400 * (" ~ days ~ ")")) }} {% endmacro %}


{% macro within_days(time, days, night=none) %}
    {#- the "within N days" of contract §5: t >= as_of - N * 24 h and t < as_of; night: a column that holds as_of, if there is one -#}
    {%- set night = night or as_of() -%}
    ({{ time }} >= {{ days_before(night, days) }} and {{ time }} < {{ night }})
{%- endmacro %}


{% macro active_within(time, days) -%}
    {# whether active_on is one of the whole days (UTC) of so many before a time; the day of the time itself is none of them #}
    (active_on >= cast({{ days_before(time, days) }} as date) and active_on < cast({{ time }} as date))
{%- endmacro %}


{% macro seconds_between(start, end) %}
    {#- as a double, exact to the microsecond -#}
    {{ return(adapter.dispatch("seconds_between", "sendworthy")(start, end)) }}
{% endmacro %}

{% macro duckdb__seconds_between(start, end) %}
    (date_diff('microsecond', {{ start }}, {{ end }}) / 1000000.0)
{% endmacro %}

{% macro spark__seconds_between(start, end) %}
    ((unix_micros({{ end }}) - unix_micros({{ start }})) / 1e6)
{% endmacro %}


{% macro times_in_steps(start, steps, step_seconds) %}
    {#- a query: `steps` times (step_at) from start, each step_seconds after the one before -#}
    select {{ add_seconds(start, step_seconds ~ " * step") }} as step_at
    from range({{ steps }}) as steps(step)
{% endmacro %}


{% macro median(expression) %}
    {#- the interpolated one -#}
    {{ return(adapter.dispatch("median", "sendworthy")(expression)) }}
{% endmacro %}

{% macro duckdb__median(expression) %} quantile_cont({{ expression }}, 0.5){% endmacro %}

{% macro spark__median(expression) %} percentile({{ expression }}, 0.5){% endmacro %}
