{#- Spark's way of finding and reading the files of the landing zone, on any file system that it can read. -#}
{% macro spark__list_files(folder, table_name) %}
    {% do run_query("create or replace temporary view sendworthy_files using binaryFile options (path "
        ~ sql_text(spark__no_pattern(folder)) ~ ", recursiveFileLookup 'true')") %}
    {% set files = [] %}
    {#- Spark gives the whole address of a file; what counts is its place in the landing zone -#}
    {% for row in run_query("select path, length from sendworthy_files order by path").rows %}
        {% set path = (row[0] | string).split(folder ~ "/", 1)[1] %}
        {% if path.startswith(table_name ~ "/") or path.startswith(table_name ~ ".") %}
            {% do files.append({"path": folder ~ "/" ~ path, "size": row[1]}) %}
        {% endif %}
    {% endfor %}
    {{ return(files) }}
{% endmacro %}


{% macro spark__no_pattern(path) %}
    {#- a path in which what would be a pattern stands for itself -#}
    {{ return(modules.re.sub("([\\\\\\[\\]{}*?^,])", "\\\\\\1", path)) }}
{% endmacro %}


{% macro spark__address(path) %}
    {#- a path as every part of Spark reads it: the place of a table would else begin in the folder of the tables -#}
    {{ return(path if path.startswith("/") or "://" in path else env_var("PWD") ~ "/" ~ path) }}
{% endmacro %}


{% macro spark__describe_files(paths) %}
    {#- for each path: {path, format, columns, types}; headers only, no rows are read -#}
    {% set files = [] %}
    {% for path in paths %}
        {% set format = "parquet" if path.endswith(".parquet") else "csv" %}
        {% do run_query("create or replace temporary view sendworthy_file " ~ spark__reader(format, [path])) %}
        {% set columns = [] %}
        {% set types = [] %}
        {% for row in run_query("describe sendworthy_file").rows %}
            {% do columns.append(row[0]) %}
            {% do types.append(row[1] | lower) %}
        {% endfor %}
        {% do files.append({"path": path, "format": format, "columns": columns, "types": types, "is_torn": "\n" in columns | join("")}) %}
    {% endfor %}
    {{ return(files) }}
{% endmacro %}


{% macro spark__reader(format, paths) %}
    {#- what makes a table of files of one format and the same columns -#}
    {% if paths | length == 1 %}
        {% set place = spark__address(spark__no_pattern(paths[0])) %}
    {% else %}
        {% set names = [] %}
        {% for path in paths %}
            {% do names.append(relative_to_landing(path)) %}
        {% endfor %}
        {% set place = spark__address(landing_folder()) ~ "/{" ~ names | join(",") ~ "}" %}
    {% endif %}
    {% set options = "path " ~ sql_text(place) %}
    {% if format == "csv" %}
        {#- everything is read as text; a line that is broken ends the night, for nobody knows what else it swallowed -#}
        {% set options = options ~ ", header 'true', multiLine 'true', quote '\"', escape '\"', mode 'FAILFAST', inferSchema 'false'" %}
    {% endif %}
    {{ return("using " ~ format ~ " options (" ~ options ~ ")") }}
{% endmacro %}


{% macro spark__read_landing_table(table, files) %}
    {% set queries = [] %}
    {% for group in spark__alike(files) %}
        {% set relation = "landing." ~ table.name ~ "_files_" ~ loop.index %}
        {% do run_query("drop table if exists " ~ relation) %}
        {% do run_query("create table " ~ relation ~ " " ~ spark__reader(group.format, group.paths)) %}
        {% set types = {} %}
        {% for name in group.columns %}
            {% do types.update({name | lower: group.types[loop.index0]}) %}
        {% endfor %}
        {% for name in group.folder_columns %}
            {% do types.update({name: "folder"}) %}
        {% endfor %}
        {% set query %}
            select
                {{ landing_columns(table, types, spark__path()) }}
                {{ spark__behind(landing_folder() ~ "/", spark__path()) }} as file,
                to_json(struct(delivered.*), map('ignoreNullFields', 'false')) as raw_row
            from {{ relation }} as delivered
        {% endset %}
        {% do queries.append(query) %}
    {% endfor %}
    {{ return(queries | join(" union all ")) }}
{% endmacro %}


{% macro spark__behind(beginning, path) %}
    {#- an expression: what stands behind the first place where a path has the beginning -#}
    {{ return("substr(" ~ path ~ ", instr(" ~ path ~ ", " ~ sql_text(beginning) ~ ") + " ~ beginning | length ~ ")") }}
{% endmacro %}


{% macro spark__alike(files) %}
    {#-
        The files in groups of the same format, columns and types: one table each. A group is not longer than what the catalogue
        can hold as a table's place, and a name that could be a pattern stands alone.
    -#}
    {% set groups = [] %}
    {% set open = {} %}
    {% for file in files %}
        {% set kind = [file.format, file.columns, file.types, file.folder_columns] | string %}
        {% set is_plain = spark__no_pattern(file.path) == file.path %}
        {% set group = open.get(kind) %}
        {% if not is_plain or group is none or group.length + file.path | length > 3000 %}
            {% set group = {"format": file.format, "columns": file.columns, "types": file.types, "folder_columns": file.folder_columns, "paths": [], "length": 0} %}
            {% do groups.append(group) %}
            {% if is_plain %}
                {% do open.update({kind: group}) %}
            {% endif %}
        {% endif %}
        {% do group.paths.append(file.path) %}
        {% do group.update({"length": group.length + file.path | length + 1}) %}
    {% endfor %}
    {{ return(groups) }}
{% endmacro %}


{% macro spark__no_raw_row() %}cast(null as string){% endmacro %}


{% macro spark__whole_row(raw_row) %}{{ raw_row }}{% endmacro %}


{% macro spark__path() %}
    {#- an expression: the path of the file that a row is of -#}
    {{ return("url_decode(replace(_metadata.file_path, '+', '%2B'))") }}
{% endmacro %}


{% macro spark__folder_value(file, name) -%}
    nullif(try_url_decode(replace({{ first_match(file, "(?i)/" ~ name ~ "=([^/]*)/", 1) }}, '+', '%2B')), '__HIVE_DEFAULT_PARTITION__')
{%- endmacro %}


{% macro spark__text_of_bytes(value) %}try_validate_utf8(cast({{ value }} as string)){% endmacro %}


{% macro spark__json_text(value) %}to_json({{ value }}, map('ignoreNullFields', 'false')){% endmacro %}


{% macro spark__landing_time(value, kind, type) -%}
    {%- if kind == "time" -%} cast({{ value }} as timestamp)
    {#- Spark reads times in nanoseconds as whole numbers; one that would lie before 1980 is no such time -#}
    {%- elif type == "bigint" -%} case when {{ value }} > 315532800000000000 then timestamp_micros({{ value }} div 1000) end
    {%- else -%} cast(null as timestamp)
    {%- endif -%}
{%- endmacro %}
