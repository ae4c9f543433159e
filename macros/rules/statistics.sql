{#
    Intervals that hold for small numbers too; everything is counted first, so that the order of rows changes nothing.
    `successes` and `trials` are columns with whole numbers; without trials the answer is null.
#}
{% macro normal_quantile_95() %}
    {# two-sided: 95 % of a standard normal lie within plus or minus so much #}
    {{ return("1.959963984540054e0") }}
{% endmacro %}


{% macro anytime_quantile(unit_variance, chance) -%}
    {#
        What stands in the place of the quantile of the normal in an interval that holds on all nights at once, however often
        somebody looks: the boundary of a normal mixture (Robbins 1970; Johari et al. 2022, "Always valid inference", for a
        difference of two means). The chance that the interval ever misses the truth is at most `chance`.
        unit_variance: of the estimate, where one person's variance is 1: 1 / n, and 1 / a + 1 / b for a difference. The boundary is
        narrowest for effects of about a tenth of a person's standard deviation (0.1 squared is 0.01).
    #}
    sqrt(
        (1 + ({{ unit_variance }}) / 0.01e0)
        * (2 * ln(1 / {{ chance }}) + ln(1 + 0.01e0 / ({{ unit_variance }})))
    )
{%- endmacro %}


{% macro proportion(successes, trials) -%}
    (cast({{ successes }} as double) / nullif({{ trials }}, 0))
{%- endmacro %}


{% macro wilson_bound(successes, trials, sign, quantile=none) -%}
    {# a bound of the Wilson score interval of a proportion: sign "-" for the lower one, "+" for the upper one #}
    {%- set z = quantile or normal_quantile_95() -%}
    (
        case
            when {{ trials }} = 0
            then null
            -- exact at the ends, where the two halves cancel but for the rounding
            when {{ successes }} = {{ "0" if sign == "-" else trials }}
            then {{ "0.0e0" if sign == "-" else "1.0e0" }}
            else
                (
                    {{ successes }} + {{ z }} * {{ z }} / 2
                    {{ sign }} {{ z }} * sqrt(
                        cast({{ successes }} as double)
                        * ({{ trials }} - {{ successes }})
                        / nullif({{ trials }}, 0)
                        + {{ z }} * {{ z }} / 4
                    )
                )
                / ({{ trials }} + {{ z }} * {{ z }})
        end
    )
{%- endmacro %}


{% macro newcombe_bound(a, b, sign, quantile=none) -%}
    {# a bound of the interval of proportion a - proportion b: Newcombe's hybrid of the two Wilson intervals #}
    {%- set successes_a, trials_a = a -%}
    {%- set successes_b, trials_b = b -%}
    {%- set opposite = "+" if sign == "-" else "-" -%}
    (
        {{ proportion(successes_a, trials_a) }} - {{ proportion(successes_b, trials_b) }}
        {{ sign }} sqrt(
            power(
                {{ proportion(successes_a, trials_a) }}
                - {{ wilson_bound(successes_a, trials_a, sign, quantile) }},
                2
            ) + power(
                {{ proportion(successes_b, trials_b) }}
                - {{ wilson_bound(successes_b, trials_b, opposite, quantile) }},
                2
            )
        )
    )
{%- endmacro %}


{% macro risk_ratio_bound(successes_a, trials_a, successes_b, trials_b, sign) -%}
    {# a bound of the interval of proportion a / proportion b: normal on the log scale, with half a person added to each of the
       four counts, so that a count of 0 leaves an interval #}
    {%- set z = normal_quantile_95() -%}
    (
        case
            when {{ trials_a }} = 0 or {{ trials_b }} = 0
            then null
            {% if sign == "-" %}
                -- the interval must hold the ratio itself
                when {{ successes_a }} = 0 then 0.0e0
            {% endif %}
            else
                exp(
                    ln(
                        (({{ successes_a }} + 0.5e0) / ({{ trials_a }} + 1))
                        / (({{ successes_b }} + 0.5e0) / ({{ trials_b }} + 1))
                    )
                    {{ sign }} {{ z }} * sqrt(
                        1 / ({{ successes_a }} + 0.5e0)
                        - 1e0 / ({{ trials_a }} + 1)
                        + 1 / ({{ successes_b }} + 0.5e0)
                        - 1e0 / ({{ trials_b }} + 1)
                    )
                )
        end
    )
{%- endmacro %}


{% macro sample_covariance(users, total_a, total_b, products) -%}
    {# of two numbers per user, from the sums of both and of their products; with one number twice, its variance #}
    (
        case
            when {{ users }} > 1
            then
                ({{ products }} - cast({{ total_a }} as double) * {{ total_b }} / nullif({{ users }}, 0))
                / nullif({{ users }} - 1, 0)
        end
    )
{%- endmacro %}


{% macro standard_error(variance_a, users_a, variance_b, users_b) -%}
    {#
        Of a difference of two means (Welch). A variance that is 0 may come out below it by its rounding; of one that is not known,
        `greatest` would make 0.
    #}
    (
        case
            when {{ variance_a }} is not null and {{ variance_b }} is not null
            then
                sqrt(
                    greatest({{ variance_a }}, 0) / nullif({{ users_a }}, 0)
                    + greatest({{ variance_b }}, 0) / nullif({{ users_b }}, 0)
                )
        end
    )
{%- endmacro %}


{% macro nps_bound(promoters, detractors, people, sign) -%}
    {# a bound of the interval of a Net Promoter Score, the share of promoters less that of detractors: adjusted Wald with three more
       people, three quarters of one a promoter and as much a detractor (Rocks 2016, "Interval estimation for the Net Promoter
       Score"), within -1 and 1 #}
    {%- set more_promoters = "(" ~ promoters ~ " + 0.75e0) / (" ~ people ~ " + 3)" -%}
    {%- set more_detractors = "(" ~ detractors ~ " + 0.75e0) / (" ~ people ~ " + 3)" -%}
    (
        case
            when {{ people }} > 0
            then
                least(
                    1.0e0,
                    greatest(
                        -1.0e0,
                        {{ more_promoters }} - {{ more_detractors }}
                        {{ sign }} {{ normal_quantile_95() }} * sqrt(
                            (
                                {{ more_promoters }}
                                + {{ more_detractors }}
                                - power({{ more_promoters }} - {{ more_detractors }}, 2)
                            )
                            / ({{ people }} + 3)
                        )
                    )
                )
        end
    )
{%- endmacro %}
