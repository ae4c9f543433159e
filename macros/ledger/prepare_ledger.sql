{#
    Before dbt changes anything: whether the file is one that it may write to. A published file is not: people read it, a night
    has audited it, and dbt works in place. dbt with a file of its own, and every night, go on.
#}
{% macro check_build_file() %}
    {% if target.type == "duckdb" %}
        {% set file = target.path %}
        {% set schemas = graph.nodes.values() | map(attribute="schema") | list
            + graph.sources.values() | map(attribute="schema") | list %}
        {% if target.database | lower in schemas %}
            {% do exceptions.raise_compiler_error(
                file ~ " is called like the schema " ~ target.database | lower ~ " in it, so that DuckDB would confuse the two. Nothing was changed.\n"
                ~ "  Fix: name another file in the environment variable SENDWORTHY_BUILD_DB."
            ) %}
        {% endif %}
        {% set is_audited = run_query(
            "select count(*) from duckdb_tables() where database_name = current_database() and schema_name = 'ops' and table_name = 'audited'"
        ).rows[0][0] > 0 %}
        {% if is_audited and not var("overwrite_audited") %}
            {% do exceptions.raise_compiler_error(
                file ~ " holds a night that was audited and published, and `dbt " ~ flags.WHICH ~ "` would change it in place, under those who read it. "
                ~ "Nothing was changed.\n  Fix: leave SENDWORTHY_BUILD_DB unset, or name another file in it; if this file is meant, add\n"
                ~ "  --vars '{overwrite_audited: true}': `sendworthy export` then refuses it until the next night."
            ) %}
        {% endif %}
    {% endif %}
{% endmacro %}


{#
    The ledgers, and the record of runs, exist from the first night on. Only `sendworthy nightly` writes them (and carries them from the published
    file into the night's build); `dbt build` alone reads them, so that caps and cooldowns count what was sent.
#}
{% macro prepare_ledger() %}
    {% if execute and flags.WHICH in ["build", "run", "seed", "test", "snapshot", "run-operation"] %}
        {% do check_build_file() %}
        {% do prepare_session() %}
        {% do run_query("create schema if not exists ledger") %}
        {% do run_query("create schema if not exists ops") %}
        {#- what is built from here on has not been audited; only a whole night says so again, and only then it is exported -#}
        {% do run_query("drop table if exists ops.audited") %}
        {#- where messages are taken back, land() makes views of the published ones -#}
        {% for source in graph.sources.values() if source.source_name in ["ledger", "ops"] and not is_taking_back() %}
            {% do run_query(ledger_table(source.name)) %}
        {% endfor %}
    {% endif %}
{% endmacro %}


{% macro prepare_session() %}
    {#- what the profile cannot say -#}
    {{ return(adapter.dispatch("prepare_session", "sendworthy")()) }}
{% endmacro %}

{% macro duckdb__prepare_session() %}
    {#- of the whole process; a profile has no way to say "as DuckDB would have it" -#}
    {% for variable, setting in [("SENDWORTHY_MEMORY", "memory_limit"), ("SENDWORTHY_THREADS", "threads")] %}
        {% if env_var(variable, "") %}
            {% do run_query("set " ~ setting ~ " = " ~ sql_text(env_var(variable))) %}
        {% endif %}
    {% endfor %}
{% endmacro %}

{% macro spark__prepare_session() %}
    {#- dbt-spark turns this off for every statement, whatever the profile says; without it a cast that fails gives null -#}
    {% do adapter.config.credentials.server_side_parameters.update({"spark.sql.ansi.enabled": "true"}) %}
{% endmacro %}


{% macro ledger_table(name) %}
    {#- its columns are those of models/staging/ledger/_ledger__sources.yml -#}
    {% set found = graph.sources.values() | selectattr("source_name", "in", ["ledger", "ops"]) | selectattr("name", "equalto", name) | first %}
    {% set columns = [] %}
    {% for column in found.columns.values() %}
        {% do columns.append(column.name ~ " " ~ engine_type(column.data_type)) %}
    {% endfor %}
    {{ return("create table if not exists " ~ found.schema ~ "." ~ name ~ " (" ~ columns | join(", ") ~ ")" ~ ledger_place(name)) }}
{% endmacro %}


{% macro ledger_place(name) %}
    {#- where a ledger's rows are, if not in the database itself -#}
    {{ return(adapter.dispatch("ledger_place", "sendworthy")(name)) }}
{% endmacro %}

{% macro duckdb__ledger_place(name) %} {{ return("") }}{% endmacro %}

{% macro spark__ledger_place(name) %}
    {#- a night puts the ledgers of the published file there; without one, dbt alone keeps a table that stays empty -#}
    {% set folder = env_var("SENDWORTHY_LEDGER", "") %}
    {{ return(" using parquet" ~ (" location " ~ sql_text(folder ~ "/" ~ name) if folder else "")) }}
{% endmacro %}
