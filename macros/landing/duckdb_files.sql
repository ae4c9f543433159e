{#- DuckDB's way of finding and reading the files of the landing zone. -#}
{% macro list_files(folder, table_name) %}
    {#- every file that is called after a table, or stands in a folder that is: {path, size in bytes} -#}
    {{ return(adapter.dispatch("list_files", "sendworthy")(folder, table_name)) }}
{% endmacro %}

{% macro duckdb__list_files(folder, table_name) %}
    {% set place = duckdb__no_pattern(folder) ~ "/" ~ table_name %}
    {% set sql = "select file from glob(" ~ sql_text(place ~ ".*") ~ ") union all select file from glob("
        ~ sql_text(place ~ "/**/*") ~ ") union all select file from glob(" ~ sql_text(place ~ ".*/**/*") ~ ") order by file" %}
    {% set files = [] %}
    {% set paths = run_query(sql).columns[0].values() | list %}
    {% if paths %}
        {% for row in run_query(
            "select filename, size, epoch_us(last_modified) from read_blob(" ~ duckdb__path_list(paths) ~ ") order by filename"
        ).rows %}
            {% do files.append({"path": row[0], "size": row[1], "written_at": row[2]}) %}
        {% endfor %}
    {% endif %}
    {{ return(files) }}
{% endmacro %}


{% macro duckdb__no_pattern(path) %}
    {#- a path in which what would be a pattern stands for itself -#}
    {{ return(path | replace("[", "[[]") | replace("*", "[*]") | replace("?", "[?]")) }}
{% endmacro %}


{% macro duckdb__path_list(paths) %}
    {% set literals = [] %}
    {% for path in paths %}
        {% do literals.append(sql_text(duckdb__no_pattern(path))) %}
    {% endfor %}
    {{ return("[" ~ literals | join(", ") ~ "]") }}
{% endmacro %}


{% macro describe_files(paths) %}{{ return(adapter.dispatch("describe_files", "sendworthy")(paths)) }}{% endmacro %}

{% macro duckdb__describe_files(paths) %}
    {#- for each path: {path, format, columns, types}; headers only, no rows are read -#}
    {% set queries = {"csv": [], "parquet": []} %}
    {% for path in paths %}
        {% set file = sql_text(duckdb__no_pattern(path)) %}
        {% if path.endswith(".parquet") %}
            {% do queries.parquet.append(
                "select " ~ sql_text(path) ~ " as path, name, column_id, coalesce(num_children, 0) as children, duckdb_type from parquet_schema("
                ~ file ~ ")"
            ) %}
        {% else %}
            {#-
                The first line as it stands: guessing where the header is could take a row for it, or a header for a row. Read by one
                thread: of several, which keep no order, the first to be done could be one that reads the middle of a long file.
            -#}
            {% do queries.csv.append(
                "(select " ~ sql_text(path) ~ " as path, line from read_csv(" ~ file ~ ", auto_detect = false, header = false, strict_mode = false, "
                ~ "columns = {'line': 'varchar'}, delim = chr(31), quote = '', escape = '', comment = '', hive_partitioning = false, parallel = false) limit 1)"
            ) %}
        {% endif %}
    {% endfor %}
    {% set columns = {} %}
    {% set types = {} %}
    {% set torn = [] %}
    {% for chunk in queries.csv | batch(100) %}
        {% for path, line in run_query(chunk | join(" union all ")).rows %}
            {% do columns.update({path: csv_header(line or "")}) %}
            {% do torn.append(path) if csv_header_is_torn(line or "") %}
        {% endfor %}
    {% endfor %}
    {% set inside = {} %}
    {% for chunk in queries.parquet | batch(100) %}
        {#- a Parquet file lists its columns as a tree, the root first: what is inside a column is no column, but part of its type -#}
        {% for path, name, column_id, children, type in run_query(chunk | join(" union all ") ~ " order by path, column_id").rows %}
            {% if column_id == 0 %}
                {% do columns.setdefault(path, []) %}
                {% do types.setdefault(path, []) %}
            {% elif inside.get(path, 0) > 0 %}
                {% do inside.update({path: inside[path] - 1 + children | int}) %}
                {% do types[path].append(types[path].pop() ~ " " ~ name ~ " " ~ type) %}
            {% else %}
                {% do columns[path].append(name) %}
                {% do types[path].append(type | string) %}
                {% do inside.update({path: children | int}) %}
            {% endif %}
        {% endfor %}
    {% endfor %}
    {% set files = [] %}
    {% for path in paths %}
        {% do files.append({
            "path": path,
            "format": "parquet" if path.endswith(".parquet") else "csv",
            "columns": columns.get(path, []),
            "types": types.get(path, []),
            "is_torn": path in torn,
        }) %}
    {% endfor %}
    {{ return(files) }}
{% endmacro %}


{% macro csv_header(line) %}
    {#- the names in the first line of a CSV file, without white space around them; a column without a name is column<its place> -#}
    {% set names = [] %}
    {% for cell in csv_header_cells(line) %}
        {% set name = cell[1:-1] | replace('""', '"') if modules.re.fullmatch('"(?:[^"]|"")*"', cell) else cell %}
        {% do names.append(name.strip() or "column" ~ loop.index0) %}
    {% endfor %}
    {{ return(names if line.strip("\ufeff\r\n\t ") else []) }}
{% endmacro %}


{% macro csv_header_is_torn(line) %}
    {#- whether a quote opens a name in the first line of a CSV file and is not closed where the name ends -#}
    {% set torn = [] %}
    {% for cell in csv_header_cells(line) if cell.startswith('"') and not modules.re.fullmatch('"(?:[^"]|"")*"', cell) %}
        {% do torn.append(cell) %}
    {% endfor %}
    {{ return(torn | length > 0) }}
{% endmacro %}


{% macro csv_header_cells(line) %}
    {#- the cells of the first line as they stand, with their quotes -#}
    {% set cells = [] %}
    {% set ended = namespace(value=false) %}
    {% for cell, separator in modules.re.findall('("(?:[^"]|"")*"|[^,]*)(,|$)', line.lstrip("\ufeff").rstrip("\r\n")) if not ended.value %}
        {% do cells.append(cell) %}
        {% set ended.value = separator == "" %}
    {% endfor %}
    {{ return(cells) }}
{% endmacro %}


{% macro duckdb__alike(files) %}
    {#-
        The files in groups that are read together: {format, paths, columns, types}. CSV files of one header; Parquet files of the same
        columns, because one that a file lacks says nothing, while in a group it would be given, and null; and of the same types,
        because a column read as what two files have in common would change its values (12 and 12.5 make 12.0), or end the night.
    -#}
    {% set groups = [] %}
    {% set open = {} %}
    {% for file in files %}
        {% set kind = [file.format, file.columns, file.types, file.folder_columns] | string %}
        {% if kind not in open %}
            {% set types = {} %}
            {% for name in file.columns if file.format == "parquet" %}
                {% do types.update({name | lower: file.types[loop.index0]}) %}
            {% endfor %}
            {% set found = namespace(group=none) %}
            {% for group in groups if file.format == "parquet" and group.format == "parquet" and group.folder_columns == file.folder_columns and group.types == types %}
                {% set found.group = group %}
            {% endfor %}
            {% if found.group is none %}
                {% set found.group = {"format": file.format, "columns": file.columns, "types": types, "paths": [], "folder_columns": file.folder_columns} %}
                {% do groups.append(found.group) %}
            {% endif %}
            {% do open.update({kind: found.group}) %}
        {% endif %}
        {% do open[kind].paths.append(file.path) %}
    {% endfor %}
    {{ return(groups) }}
{% endmacro %}


{% macro duckdb__reader(group) %}
    {#- what reads the files of a group; the file of a row is in sendworthy_file, a name that no file is going to use -#}
    {% set options = "hive_partitioning = false, filename = 'sendworthy_file'" %}
    {% if group.format == "parquet" %}
        {{ return("read_parquet(" ~ duckdb__path_list(group.paths) ~ ", union_by_name = true, " ~ options ~ ")") }}
    {% endif %}
    {% set used = ["sendworthy_file"] %}
    {% set columns = [] %}
    {% for name in group.columns %}
        {#- of columns of one name that nobody knows, all are kept -#}
        {% set name = name if name | lower not in used else name ~ "_" ~ loop.index0 %}
        {% do used.append(name | lower) %}
        {% do columns.append(sql_text(name) ~ ": 'varchar'") %}
    {% endfor %}
    {#-
        Everything is read as text, so that a value that does not fit its type is quarantined instead of ending the night. Nothing is
        guessed from the first rows: a line that does not fit the header ends the night with its number.
    -#}
    {{ return("read_csv(" ~ duckdb__path_list(group.paths) ~ ", auto_detect = false, header = true, columns = {" ~ columns | join(", ")
        ~ "}, delim = ',', quote = '\"', escape = '\"', comment = '', skip = 0, " ~ options ~ ")") }}
{% endmacro %}


{% macro read_landing_table(table, files) %}
    {#- a query over all files of a table: what landing_columns says of each column, file, raw_row -#}
    {{ return(adapter.dispatch("read_landing_table", "sendworthy")(table, files)) }}
{% endmacro %}

{% macro duckdb__read_landing_table(table, files) %}
    {% set queries = [] %}
    {% set groups = duckdb__alike(files) %}
    {% for group in groups %}
        {% set number = loop.index %}
        {% set reader = duckdb__reader(group) %}
        {% set types = {} %}
        {% set fields = [] %}
        {% for row in run_query("describe select * from " ~ reader).rows %}
            {% do types.update({row[0] | lower: row[1] | lower}) %}
            {% if row[0] != "sendworthy_file" %}
                {% set name = '"' ~ row[0] | replace('"', '""') ~ '"' %}
                {% do fields.append(name ~ " := delivered." ~ name) %}
            {% endif %}
        {% endfor %}
        {% for name in group.folder_columns %}
            {% do types.update({name: "folder"}) %}
        {% endfor %}
        {% set rows = [] %}
        {% for other in groups %}
            {% do rows.append("files_" ~ loop.index ~ " := " ~ ("struct_pack(" ~ fields | join(", ") ~ ")" if loop.index == number else "null")) %}
        {% endfor %}
        {% set query %}
            select
                {{ landing_columns(table, types, "delivered.sendworthy_file") }}
                substr(delivered.sendworthy_file, {{ landing_folder() | length + 2 }}) as file,
                {# packed now, and written out as JSON only for the rows that need it #}
                struct_pack({{ rows | join(", ") }}) as raw_row
            from {{ reader }} as delivered
        {% endset %}
        {% do queries.append(query) %}
    {% endfor %}
    {{ return(queries | join(" union all ")) }}
{% endmacro %}


{% macro no_raw_row() %}{{ return(adapter.dispatch("no_raw_row", "sendworthy")()) }}{% endmacro %}

{% macro duckdb__no_raw_row() %}struct_pack(files_1 := null){% endmacro %}


{% macro whole_row(raw_row) %}{{ return(adapter.dispatch("whole_row", "sendworthy")(raw_row)) }}{% endmacro %}

{% macro duckdb__whole_row(raw_row) -%}
    {#- of the groups of files, the one that the row is of -#}
    cast(list_filter(json_extract(to_json({{ raw_row }}), '$.*'), lambda files: json_type(files) <> 'NULL')[1] as varchar)
{%- endmacro %}


{% macro folder_value(file, name) %}
    {#- what the name of a file's folder says of a column (campaign_id=x/); null for what Hive calls its default -#}
    {{ return(adapter.dispatch("folder_value", "sendworthy")(file, name)) }}
{% endmacro %}

{% macro duckdb__folder_value(file, name) -%}
    nullif(try(url_decode({{ first_match(file, "(?i)/" ~ name ~ "=([^/]*)/", 1) }})), '__HIVE_DEFAULT_PARTITION__')
{%- endmacro %}


{% macro text_of_bytes(value) %}
    {#- bytes as the text that they are in UTF-8, null where they are none -#}
    {{ return(adapter.dispatch("text_of_bytes", "sendworthy")(value)) }}
{% endmacro %}

{% macro duckdb__text_of_bytes(value) %}try(decode({{ value }})){% endmacro %}


{% macro json_text(value) %}
    {#- a struct, a map or a list as the text of its JSON -#}
    {{ return(adapter.dispatch("json_text", "sendworthy")(value)) }}
{% endmacro %}

{% macro duckdb__json_text(value) %}cast(to_json({{ value }}) as varchar){% endmacro %}


{% macro duckdb__landing_time(value, kind, type) -%}
    {%- if kind != "time" -%} cast(null as timestamp)
    {%- elif type.startswith("timestamp with") -%} {{ value }} at time zone 'UTC'
    {%- else -%} try_cast({{ value }} as timestamp)
    {%- endif -%}
{%- endmacro %}

