{#
    What `sendworthy cancellations` reads. The models are those of a night whose logical time is `now`; only what they see is
    less: the people who have a message that is not due yet and of whom something new is there, each with all of their rows.
    What the night has read comes from the published file (attached as `published`) and from the typed drops that its views read,
    news from the files that it has not read. A night on Spark leaves its rows in the lake, and a copy of the file may be far from
    its typed drops: then all files of the landing zone are read, and of those that the night has read only what is later than the
    night is news. Nothing else knows about any of it: whoever changes how drops are read changes land() and this file.

    DuckDB only, because the published file is a DuckDB file, whatever engine built it.
#}
{% macro is_taking_back() %}
    {# SENDWORTHY_PUBLISHED: the published file, set by `sendworthy cancellations` alone; not asked for while dbt parses, see night_setting #}
    {{ return(execute and env_var("SENDWORTHY_PUBLISHED", "") != "") }}
{% endmacro %}


{% macro dispatches_in_question() %}
    {# a query: what is dispatched, not due yet, and not taken back so far; nothing where nobody asks #}
    {% if is_taking_back() %} {{ return("select * from landing.dispatches_in_question") }} {% endif %}
    {% set columns = [
        ["as_of", "timestamp"],
        ["dispatch_id", "text"],
        ["user_id", "text"],
        ["campaign_id", "text"],
        ["channel", "text"],
        ["send_at", "timestamp"],
        ["valid_until", "timestamp"],
        ["trigger_at", "timestamp"],
        ["address_key", "text"],
    ] %}
    {% set nothing = [] %}
    {% for name, type in columns %}
        {% do nothing.append("cast(null as " ~ engine_type(type) ~ ") as " ~ name) %}
    {% endfor %}
    {{ return("select " ~ nothing | join(", ") ~ " where false") }}
{% endmacro %}


{% macro load_open_dispatches() %}
    {#- before the landing zone is looked at: what is in question #}
    {% set now = utc_time(night_setting("as_of")) %}
    {% do run_query("attach " ~ sql_text(env_var("SENDWORTHY_PUBLISHED")) ~ " as published (read_only)") %}
    {% do run_query("create schema if not exists landing") %}
    {% set sql %}
        create or replace table landing.dispatches_in_question as
        select
            dispatches.as_of,
            dispatches.dispatch_id,
            dispatches.user_id,
            dispatches.campaign_id,
            dispatches.channel,
            dispatches.send_at,
            dispatches.valid_until,
            decisions.trigger_at,
            {{ lowered("send_list.address") }} as address_key
        from published.ledger.dispatches as dispatches
        left join published.ledger.decisions as decisions
            on dispatches.as_of = decisions.as_of
            and dispatches.user_id = decisions.user_id
            and dispatches.campaign_id = decisions.campaign_id
        left join published.marts.send_list as send_list on dispatches.dispatch_id = send_list.dispatch_id
        where
            dispatches.send_at >= {{ now }}
            and not {{ is_pseudonym("dispatches.user_id") }}
            and dispatches.dispatch_id not in (select dispatch_id from published.ledger.cancellations)
        -- an earlier night that was run again later may have dispatched it twice
        qualify row_number() over (partition by dispatches.campaign_id, dispatches.user_id order by dispatches.as_of desc) = 1
    {% endset %}
    {% do run_query(sql) %}
{% endmacro %}


{% macro published_has_rows() %}
    {#- whether the rows that the night has read are there: in the published file, and where its views read -#}
    {{ return(env_var("SENDWORTHY_READ_ALL", "") == "" and run_query(
        "select count(*) from duckdb_tables() where database_name = 'published' and schema_name = 'staging'"
    ).rows[0][0] > 0) }}
{% endmacro %}


{% macro files_with_news(table, files, single) %}
    {#-
        of the files of a table, those in which the published night cannot have seen everything: it has not read them, they are
        the table's only file, which is written over, somebody has written them since it began, or they are not as they were when
        they were read. A file keeps an old time where a tool brings it with the time of its source; how it was is not known of a
        night of an older version
    -#}
    {% set began = run_query(
        "select epoch_us(max(started_at)) from published.ops.runs where run_id = (select run_id from published.ops.audited)"
    ).rows[0][0] %}
    {% set read = run_query(
        "select file from published.ops.source_counts where table_name = " ~ sql_text(table)
    ).columns[0].values() | list %}
    {% set remembered = {} %}
    {% if run_query(
        "select count(*) from duckdb_columns() where database_name = 'published' and schema_name = 'ledger' "
        ~ "and table_name = 'files_read' and column_name = 'written_at_us'"
    ).rows[0][0] > 0 %}
        {% for row in run_query(
            "select file, file_bytes, written_at_us from published.ledger.files_read where table_name = " ~ sql_text(table)
        ).rows %}
            {% do remembered.update({row[0]: [row[1], row[2]]}) %}
        {% endfor %}
    {% endif %}
    {% set found = [] %}
    {% set needs_all = not published_has_rows() %}
    {% for file in files %}
        {% set name = relative_to_landing(file.path) %}
        {% if needs_all or file.path in single or name not in read or file.written_at >= began
            or remembered.get(name) != [file.size, file.written_at] %}
            {% do found.append(file.path) %}
        {% endif %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}


{% macro restrict_to_affected_users(tables) %}
    {#- after the files with news are views landing.landed_<table>: makes landing.<table> of the people whose messages something new may stop -#}
    {% do find_people_with_news(tables) %}
    {% do describe_unreadable_news(tables) %}
    {% for table in tables %}
        {% set columns = table.columns | map(attribute="name") | list %}
        {% for column in table.columns if column.last_moment %}
            {% do columns.append(column.last_moment) %}
        {% endfor %}
        {% if table.keeps_given_columns %} {% do columns.append("given_columns") %} {% endif %}
        {% set columns = (columns + ["unreadable_columns"]) | join(", ") %}
        {% set is_wanted %}
            user_id in (select user_id from landing.people_to_read)
            {%- if table.name == "message_events" %}
            or {{ address_hash(trimmed("address")) }} in (select address_hash from landing.addresses_to_read)
            or dispatch_id in (select dispatch_id from landing.dispatches_to_read)
            {%- endif %}
        {% endset %}
        {% set is_typed = table.name in typed_tables() %}
        {#- what was from the future may have come to pass, and what cannot be read still may stop a message #}
        {% set read_before %}
            select
                {{ typed_columns(table.name).keys() | reject("in", ["quarantine_reason", "file", "raw_row"]) | join(", ") if is_typed else columns }},
                case when quarantine_reason <> 'from_the_future' then quarantine_reason {% if is_typed %} else {{ from_the_future("occurred_at") }} {% endif %} end as {{ "quarantine_reason" if is_typed else "problem" }},
                file,
                null as raw_row
            from published.staging.base_landing__{{ table.name }} as known
            where ({{ is_wanted }}) and quarantine_reason is distinct from 'duplicate'
        {% endset %}
        {% set sql %}
            create or replace view landing.{{ table.name }} as
            select {{ columns }}, problem, file, raw_row
            from landing.landed_{{ table.name }}
            where {{ is_wanted }} {%- if published_has_rows() and not is_typed and table.name in tables_of_decisions() %} union all {{ read_before }} {%- endif %}
        {% endset %}
        {% do run_query(sql) %}
        {% if published_has_rows() and is_typed %}
            {#- of what has landed once more, the news count #}
            {% set keys = delivery_keys(table.name) %}
            {% set kept %}
                create or replace view drops.{{ table.name }} as
                select *, false as is_due
                from ({{ read_before }}) as known
                where
                    quarantine_reason is not null
                    or ({{ keys | join(", ") }}) not in (
                        select {{ keys | join(", ") }} from landing.landed_{{ table.name }} where problem is null
                    )
            {% endset %}
            {% do run_query(kept) %}
        {% endif %}
    {% endfor %}
    {% do run_query("create schema if not exists ledger") %}
    {% do run_query(
        "create or replace view ledger.dispatches as select * from published.ledger.dispatches"
        ~ " where dispatch_id in (select dispatch_id from landing.dispatches_to_read)"
    ) %}
    {#-
        what is in question has not been sent, and must not speak against itself: it is there as what was taken back, for a report
        may name it. No night has taken it back, so that it says nothing of its campaign
    -#}
    {% set cancellations %}
        create or replace view ledger.cancellations as
        select as_of, dispatch_id, campaign_id, user_id, cancelled_at, reasons
        from published.ledger.cancellations
        where user_id in (select user_id from landing.people_to_read)
        union all
        select null as as_of, dispatch_id, campaign_id, user_id, as_of as cancelled_at, [] as reasons
        from landing.dispatches_in_question
        where user_id in (select user_id from landing.people_to_read)
    {% endset %}
    {% do run_query(cancellations) %}
    {#- no decision of another night is asked for -#}
    {% do run_query(ledger_table("decisions")) %}
{% endmacro %}


{% macro find_people_with_news(tables) %}
    {#-
        landing.people_with_news: who has a message in question and is named by something new, or was sent a message that it names, or
        has an address that it is about. landing.people_to_read: they, and whoever shares an address with them, because an opt-out
        holds for the address. landing.dispatches_to_read: what was dispatched to them, or to an address of theirs
    -#}
    {% set news = [] %}
    {% for table in tables if table.name != "message_events" and table.name in tables_of_decisions() %}
        {% do news.append(rows_with_news(table, "user_id")) %}
    {% endfor %}
    {% set reports = tables | selectattr("name", "equalto", "message_events") | first %}
    {% set channels = {"email": "email", "sms": "phone", "push": "push_token"} %}
    {% set sql %}
        create or replace table landing.people_with_news as
        with
            {# lines of the suppression list of the project that the night did not have #}
            suppressed as (
                select {{ identifier("user_id") }} as user_id, {{ address_hash(trimmed("address")) }} as address_hash
                from settings.global_suppressions
                except
                select {{ identifier("user_id") }} as user_id, {{ address_hash(trimmed("address")) }} as address_hash
                from published.settings.global_suppressions
            ),
            reports as ({{ rows_with_news(reports, "user_id, address, dispatch_id") }}),
            {# whose message it is, our own ledger knows better than a report, which may name nobody #}
            dispatched as (
                select user_id, address_hash
                from published.ledger.dispatches
                where dispatch_id in (select dispatch_id from reports)
            ),
            news as (
                {{ news | join(" union ") }}
                union
                select user_id from reports
                union
                select user_id from dispatched
                union
                select user_id from suppressed
            ),
            {# the published addresses are hashed where they are valid; a line of the suppression list may name any #}
            known_addresses as (
                {%- for column in channels.values() %}
                    select user_id, {{ address_hash(trimmed(column)) }} as address_hash
                    from published.intermediate.int_users__current
                    where {{ column }} is not null
                    {{ "union all" if not loop.last }}
                {%- endfor %}
            ),
            addresses_with_news as (
                select address_hash from known_addresses where user_id in (select user_id from news)
                {%- for column in channels.values() %}
                    union
                    select {{ address_hash(trimmed(column)) }} as address_hash
                    from landing.landed_users
                    where user_id in (select user_id from news)
                {%- endfor %}
                union
                select {{ address_hash(trimmed("address")) }} as address_hash from landing.landed_message_events
                union
                select {{ address_hash(trimmed("address")) }} as address_hash from reports
                union
                select address_hash from dispatched
                union
                select address_hash from suppressed
            )
        select distinct user_id
        from landing.dispatches_in_question
        where
            user_id in (select user_id from news)
            or user_id in (
                select user_id
                from known_addresses
                where address_hash in (select address_hash from addresses_with_news where address_hash is not null)
            )
    {% endset %}
    {% do run_query(sql) %}
    {% set profiles = [] %}
    {% for relation in ["published.intermediate.int_users__current", "landing.landed_users"] %}
        {% for column in channels.values() %}
            {% do profiles.append("select user_id, " ~ address_hash(trimmed(column)) ~ " as address_hash from " ~ relation ~ " where " ~ column ~ " is not null") %}
        {% endfor %}
    {% endfor %}
    {% do run_query(
        "create or replace table landing.addresses_to_read as select distinct address_hash from (" ~ profiles | join(" union all ")
        ~ ") as profiles where user_id in (select user_id from landing.people_with_news) and address_hash is not null"
    ) %}
    {% do run_query(
        "create or replace table landing.people_to_read as select user_id from landing.people_with_news union select user_id from ("
        ~ profiles | join(" union all ")
        ~ ") as profiles where address_hash in (select address_hash from landing.addresses_to_read) and user_id is not null"
    ) %}
    {% do run_query(
        "create or replace table landing.dispatches_to_read as select distinct dispatch_id from published.ledger.dispatches"
        ~ " where user_id in (select user_id from landing.people_to_read)"
        ~ " or address_hash in (select address_hash from landing.addresses_to_read)"
    ) %}
{% endmacro %}


{% macro describe_unreadable_news(tables) %}
    {#-
        landing.unreadable_news: of the files that are read, how many rows, and values of rows, cannot be read. What the published
        night has reported of a file is no news.
    -#}
    {% set queries = [] %}
    {% for table in tables %}
        {% do queries.append(
            "select '" ~ table.name ~ "' as table_name, file, problem as detail from landing.landed_" ~ table.name ~ " where problem is not null"
            ~ " union all select '" ~ table.name ~ "' as table_name, file, unnest(unreadable_columns) as detail from landing.landed_" ~ table.name
            ~ " where problem is null and unreadable_columns is not null"
        ) %}
    {% endfor %}
    {% set sql %}
        create or replace table landing.unreadable_news as
        with
            tonight as (
                select table_name, file, detail, count(*) as unreadable_rows
                from ({{ queries | join(" union all ") }}) as unreadable
                group by table_name, file, detail
            ),
            told as (
                select table_name, file, reason as detail, count(*) as unreadable_rows
                from published.ops.quarantine
                group by table_name, file, reason
                union all
                select table_name, file, column_name as detail, sum(unreadable_rows) as unreadable_rows
                from published.ops.unreadable_values
                group by table_name, file, column_name
            )
        select table_name, detail, sum(tonight.unreadable_rows - coalesce(told.unreadable_rows, 0))::bigint as unreadable_rows
        from tonight
        left join told using (table_name, file, detail)
        where tonight.unreadable_rows > coalesce(told.unreadable_rows, 0)
        group by table_name, detail
    {% endset %}
    {% do run_query(sql) %}
{% endmacro %}


{% macro rows_with_news(table, wanted) %}
    {#- a query: of the rows of a table that the rules of the published night have not seen, the columns that are wanted -#}
    {% set landed = "landing.landed_" ~ table.name %}
    {% set known = "published.staging.base_landing__" ~ table.name %}
    {% set read_before = "file in (select file from published.ops.source_counts where table_name = " ~ sql_text(table.name) ~ ")" %}
    {% set night = "(select as_of from published.intermediate.int_nights__as_of)" %}
    {% set same = [] %}
    {#- a row that has not all of what it is known by is known by all of its columns #}
    {% set has_no_id = [] %}
    {% for column in delivery_keys(table.name) %}
        {% do same.append("landed." ~ column ~ " = known." ~ column) %}
        {% do has_no_id.append(column ~ " is null") %}
    {% endfor %}
    {% set is_compared_whole = "(" ~ (has_no_id | join(" or ") or "true") ~ ")" %}
    {% set columns = table.columns | map(attribute="name") %}
    {#- of typed rows, the published file has less -#}
    {% set columns = (columns | select("in", typed_columns(table.name)) if table.name in typed_tables() else columns) | join(", ") %}
    {% set query %}
        select {{ wanted }} from {{ landed }} where not {{ read_before }}
        union all
        {% if not published_has_rows() -%}
            select {{ wanted }} from {{ landed }} where not coalesce({{ newest_column(table.name) }} < {{ night }}, false)
        {%- else -%}
            select {{ wanted }} from (
                select {{ columns }} from {{ landed }} where {{ read_before }} and {{ is_compared_whole }}
                except
                select {{ columns }} from {{ known }} where {{ is_compared_whole }}
            ) as whole_rows
            {%- if same %}
                union all
                select {{ wanted }} from {{ landed }} as landed anti join {{ known }} as known on {{ same | join(" and ") }}
                where {{ read_before }} and not {{ is_compared_whole }}
            {%- endif %}
        {%- endif %}
        {% if published_has_rows() -%}
            union all
            {# it had landed, and was later than the night #}
            select {{ wanted }} from {{ known }}
            where
                {{ newest_column(table.name) }} >= {{ night }}
                and {{ newest_column(table.name) }} < {{ utc_time(night_setting("as_of")) }}
                and coalesce(quarantine_reason, 'from_the_future') = 'from_the_future'
        {%- endif %}
    {% endset %}
    {{ return(query) }}
{% endmacro %}
