{#
    The two ledgers exist from the first night on. Only `sendworthy nightly` writes them (and carries them from the published
    file into the night's build); `dbt build` alone reads them, so that caps and cooldowns count what was sent.
#}
{% macro prepare_ledger() %}
    {% if execute and flags.WHICH in ["build", "run", "seed", "test", "snapshot", "run-operation"] %}
        {% do run_query("create schema if not exists ledger") %}
        {% do run_query("create schema if not exists ops") %}
        {#- what is built from here on has not been audited; only a whole night says so again, and only then it is exported -#}
        {% do run_query("drop table if exists ops.audited") %}
        {% do run_query(ledger_table("decisions")) %}
        {% do run_query(ledger_table("dispatches")) %}
    {% endif %}
{% endmacro %}


{% macro ledger_table(name) %}{{ return(adapter.dispatch("ledger_table", "sendworthy")(name)) }}{% endmacro %}

{% macro duckdb__ledger_table(name) %}
    {% if name == "decisions" %}
        create table if not exists ledger.decisions (
            as_of timestamp,
            user_id varchar,
            campaign_id varchar,
            channel varchar,
            decision varchar,
            primary_reason varchar,
            reasons varchar[],
            variant varchar,
            trigger_at timestamp,
            priority integer,
            lost_to varchar[],
            send_at timestamp
        )
    {% else %}
        create table if not exists ledger.dispatches (
            as_of timestamp,
            dispatch_id varchar,
            user_id varchar,
            campaign_id varchar,
            channel varchar,
            variant varchar,
            send_at timestamp,
            valid_until timestamp
        )
    {% endif %}
{% endmacro %}
