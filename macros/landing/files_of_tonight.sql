{% macro files_of_tonight(table_name, files) %}
    {#- of the files of a table (list_files), those that count: all, and on a replay not those that landed later -#}
    {% set known = files_known_then(table_name) %}
    {#- of a table that had no drop then, none counts -#}
    {% set landed_until = fromjson(env_var("SENDWORTHY_LANDED_UNTIL", "{}")) %}
    {% set last = landed_until.get(table_name, "") if landed_until else "9999-12-31" %}
    {% set read = [] %}
    {% for file in files if landed_on(file.path) <= last %}
        {% if known is none or relative_to_landing(file.path) in known %}
            {% do read.append(file) %}
        {% endif %}
    {% endfor %}
    {{ return(read) }}
{% endmacro %}


{% macro files_known_then(table_name) %}
    {#- on a replay: the files of a table that some run had read by then, whatever the dates of their drops; else none -#}
    {% set until = env_var("SENDWORTHY_FILES_READ_UNTIL", "") %}
    {{ return(run_query(
        "select file from ledger.files_read where table_name = " ~ sql_text(table_name) ~ " and first_read_at <= " ~ utc_time(until)
    ).columns[0].values() | list if until else none) }}
{% endmacro %}


{% macro landed_on(path) %}
    {#- the date of the drop that a file came with, as text; empty where it came with none -#}
    {{ return(modules.re.findall("/landed_on=([0-9]{4}-[0-9]{2}-[0-9]{2})/", relative_to_landing(path)) | first | default("")) }}
{% endmacro %}
