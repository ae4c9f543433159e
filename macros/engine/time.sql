{#- Arithmetic of times. All times are UTC without a zone; a day is 24 hours. -#}
{% macro add_seconds(time, seconds) %}{{ return(adapter.dispatch("add_seconds", "sendworthy")(time, seconds)) }}{% endmacro %}

{% macro duckdb__add_seconds(time, seconds) %}({{ time }} + to_seconds({{ seconds }})){% endmacro %}

{% macro spark__add_seconds(time, seconds) %}({{ time }} + make_dt_interval(0, 0, 0, {{ seconds }})){% endmacro %}


{% macro utc_time(text) %}
    {#- a time as a person writes it, in UTC where it names no offset -#}
    {{ return(adapter.dispatch("utc_time", "sendworthy")(text)) }}
{% endmacro %}

{% macro duckdb__utc_time(text) %}(cast({{ sql_text(text) }} as timestamptz) at time zone 'UTC'){% endmacro %}

{% macro spark__utc_time(text) %}cast({{ sql_text(text) }} as timestamp){% endmacro %}


{% macro hour_of_day(time, hour) %}
    {#- the full hour on the day of a time -#}
    {{ return(add_seconds("date_trunc('day', " ~ time ~ ")", "3600 * " ~ hour)) }}
{% endmacro %}


{% macro days_before(time, days) %}
    {{ return(add_seconds(time, "-86400 * (" ~ days ~ ")")) }}
{% endmacro %}


{% macro within_days(time, days, night=none) %}
    {#- the design's "within N days": t >= as_of - N * 24 h and t < as_of; night: a column that holds as_of, if there is one -#}
    {%- set night = night or as_of() -%}
    ({{ time }} >= {{ days_before(night, days) }} and {{ time }} < {{ night }})
{%- endmacro %}


{% macro active_within(days, time) -%}
    {# whether active_on is one of the whole days (UTC) of so many before a time; the day of the time itself is none of them #}
    (
        active_on >= cast({{ days_before(time, days) }} as date)
        and active_on < cast({{ time }} as date)
    )
{%- endmacro %}


{% macro seconds_between(start, end) %}
    {#- as a double, exact to the microsecond -#}
    {{ return(adapter.dispatch("seconds_between", "sendworthy")(start, end)) }}
{% endmacro %}

{% macro duckdb__seconds_between(start, end) %}(date_diff('microsecond', {{ start }}, {{ end }}) / 1000000.0){% endmacro %}

{% macro spark__seconds_between(start, end) %}((unix_micros({{ end }}) - unix_micros({{ start }})) / 1e6){% endmacro %}


{% macro local_time(time, zone) %}
    {#- what the clocks of a zone show at a time in UTC -#}
    {{ return(adapter.dispatch("local_time", "sendworthy")(time, zone)) }}
{% endmacro %}

{% macro duckdb__local_time(time, zone) %}timezone({{ zone }}, timezone('UTC', {{ time }})){% endmacro %}

{% macro spark__local_time(time, zone) %}from_utc_timestamp({{ time }}, {{ spark__zone(zone) }}){% endmacro %}

{% macro spark__zone(zone) -%}
    {#-
        zones that Java 17 does not know, by the name of one with the same clocks: Java has never had ROC, and America/Coyhaique
        is of 2025 (Java has it since 17.0.16; its clocks are those of Punta Arenas since 20 March 2025)
    -#}
    case {{ zone }} when 'ROC' then 'Asia/Taipei' when 'America/Coyhaique' then 'America/Punta_Arenas' else {{ zone }} end
{%- endmacro %}


{% macro zones_of_the_engine() %}
    {#- a query: the time zones that the engine knows (zone_name); the seed knows which of them are IANA's -#}
    {{ return(adapter.dispatch("zones_of_the_engine", "sendworthy")()) }}
{% endmacro %}

{% macro duckdb__zones_of_the_engine() %}select name as zone_name from pg_timezone_names(){% endmacro %}

{% macro spark__zones_of_the_engine() -%}
    {#- Spark has no list of them, but it knows a zone when it reads one -#}
    select timezone_name as zone_name
    from {{ ref("timezones") }}
    where try_cast('2000-01-01 00:00:00 ' || {{ spark__zone("timezone_name") }} as timestamp) is not null
{%- endmacro %}


{% macro times_in_steps(start, steps, step_seconds) %}
    {#- a query: `steps` times (step_at) from start, each step_seconds after the one before -#}
    select {{ add_seconds(start, step_seconds ~ " * step") }} as step_at from range({{ steps }}) as steps(step)
{% endmacro %}


{% macro median(expression) %}
    {#- the interpolated one -#}
    {{ return(adapter.dispatch("median", "sendworthy")(expression)) }}
{% endmacro %}

{% macro duckdb__median(expression) %}quantile_cont({{ expression }}, 0.5){% endmacro %}

{% macro spark__median(expression) %}percentile({{ expression }}, 0.5){% endmacro %}
