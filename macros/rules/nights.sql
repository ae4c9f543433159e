{% macro night_setting(name) %}
    {#-
        What changes from night to night (raw, as_of, wall_clock): the variable, or the environment variable SENDWORTHY_<NAME>,
        which goes first. `sendworthy nightly` sets the latter, because dbt parses everything anew when a variable changes, and a
        model that has asked for an environment variable while it was parsed when that one changes: so nobody asks before it runs.
    -#}
    {{ return((env_var("SENDWORTHY_" ~ name | upper, "") if execute else "") or var(name)) }}
{% endmacro %}


{% macro as_of() %}
    {# the night's logical time: every rule sees only rows before it #}
    {{ return("(select as_of from " ~ ref("int_nights__as_of") ~ ")") }}
{% endmacro %}


{% macro wall_clock() %}
    {# only quarantine looks at the clock, and it can be set, so that a night can be repeated #}
    {{ return(utc_time(wall_clock_text())) }}
{% endmacro %}


{% macro wall_clock_text() %}
    {# the same as people read it #}
    {{ return(night_setting("wall_clock") or run_started_at.strftime("%Y-%m-%d %H:%M:%S")) }}
{% endmacro %}


{% macro was_known_then(time, setting) %}
    {# on a replay: whether a row was there by the time that the night recorded; else it counts. Not asked for while dbt parses, see night_setting #}
    {% set until = env_var("SENDWORTHY_" ~ setting | upper, "") if execute else "" %}
    {{ return(time ~ " <= " ~ utc_time(until) if until else "true") }}
{% endmacro %}


{% macro bucket(salt, user_id) %}
    {# 0 to 9999, the same every night: the part of an experiment that a user is in #}
    {{ return("(" ~ hash_number(salt ~ " || ':' || " ~ user_id) ~ " % 10000)") }}
{% endmacro %}


{% macro distance_in_metres(latitude_a, longitude_a, latitude_b, longitude_b) -%}
    {# great-circle (haversine) on a sphere of the Earth's mean radius #}
    (
        2
        * 6371008.8
        * asin(
            least(
                1.0,
                sqrt(
                    power(sin(radians({{ latitude_b }} - {{ latitude_a }}) / 2), 2)
                    + cos(radians({{ latitude_a }}))
                    * cos(radians({{ latitude_b }}))
                    * power(sin(radians({{ longitude_b }} - {{ longitude_a }}) / 2), 2)
                )
            )
        )
    )
{%- endmacro %}
