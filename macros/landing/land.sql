{#
    The landing zone, made readable: one view a table in the schema `landing`, with exactly the contract's columns
    (_landing__sources.yml), read and typed, and:
        occurred_until      where the contract asks for it, the last moment that the time can mean
        given_columns       where the contract asks for it, the columns that the row's file has
        problem             the first thing for which the row is quarantined (missing_<column>, bad_<column>); null where there is nothing
        unreadable_columns  the columns whose value could not be read though the row stays; null where there are none
        file                the file, relative to the landing zone
        raw_row             the whole row as it was found, unknown columns included; whole_row() makes a JSON object of it
    Everything that reads files is here, in macros/reading and in <engine>_files.sql; no model knows about files.
#}
{% macro land(seeds=none) %}
    {#- seeds: the folder of the seeds that say how a source writes, if they are not the project's own -#}
    {% if execute and flags.WHICH in ["build", "run", "seed", "test", "snapshot", "run-operation"] %}
        {% do check_build_file() %}
        {% set tables = landing_contract() %}
        {% set errors = [] %}
        {% do run_query("create schema if not exists landing") %}
        {% do run_query("create schema if not exists drops") %}
        {% if is_taking_back() %} {% do load_open_dispatches() %} {% endif %}
        {% set found = [] %}
        {% set faults = fromjson(night_setting("file_faults") or "{}") %}
        {% for table in tables %}
            {% do found.append(landing_files(table, faults, errors)) %}
        {% endfor %}
        {#- what is called like no table -#}
        {% set of_tables = "(" ~ tables | map(attribute="name") | join("|") ~ ")[./]" %}
        {% for path, fault in faults.items() if not modules.re.match(of_tables, path ~ "/") %}
            {% do errors.append("landing zone, file " ~ shown_path(landing_folder() ~ "/" ~ path) ~ ": " ~ fault[0] ~ " Fix: " ~ fault[1]) %}
        {% endfor %}
        {% if errors %}
            {% do exceptions.raise_compiler_error(errors | join("\n")) %}
        {% endif %}
        {% set formats = source_formats(seeds) %}
        {% do create_words(seeds) %}
        {% for item in found %}
            {% do create_landing_views(item.table, item.files, view_of_files(item.table), formats) %}
        {% endfor %}
        {% for item in found if item.kept %}
            {% set again = kept_files_settled_otherwise(item.table.name) %}
            {% if again %}
                {% for file in again %} {% do item.kept.pop(file) %} {% endfor %}
                {% do item.files.extend(described_files(item.table, files_called(again, item.listed), faults, errors)) %}
                {% do create_kept_rows(item.table.name, item.kept) %}
                {% do create_landing_views(item.table, item.files, view_of_files(item.table), formats) %}
            {% endif %}
        {% endfor %}
        {#- what was kept of a file need not be read any more when it is asked for again -#}
        {% if errors %} {% do exceptions.raise_compiler_error(errors | join("\n")) %} {% endif %}
        {% do create_kept_files(found) %}
        {% do create_row_counts(tables) %}
        {% if is_taking_back() %} {% do restrict_to_affected_users(tables) %} {% endif %}
        {% do record_landing_files(found) %}
    {% endif %}
{% endmacro %}


{% macro landing_contract() %}
    {#- the sources of the landing zone that are files, in the order of the contract -#}
    {% set tables = [] %}
    {% for node in graph.sources.values() if node.source_name == "landing" and node.name not in ["landing_files", "row_counts"] %}
        {% set columns = [] %}
        {% for column in node.columns.values() %}
            {% set meta = column.config.meta if column.config and column.config.meta else column.meta %}
            {% do columns.append({
                "name": column.name,
                "type": column.data_type,
                "required": meta.get("required", false),
                "identifier": meta.get("identifier", false),
                "json_object": meta.get("json_object", false),
                "topics": meta.get("topics", false),
                "words": meta.get("words", ""),
                "allowed": meta.get("allowed", []),
                "if_unreadable": meta.get("if_unreadable", ""),
                "last_moment": meta.get("last_moment", ""),
            }) %}
        {% endfor %}
        {% do tables.append({
            "name": node.name,
            "optional": node.config.meta.get("optional", false),
            "keeps_given_columns": node.config.meta.get("keeps_given_columns", false),
            "columns": columns,
        }) %}
    {% endfor %}
    {{ return(tables | sort(attribute="name")) }}
{% endmacro %}


{% macro landing_error(errors, table, where, what, fix) %}
    {#- errors are collected: whoever has to put a landing zone right wants to see all of them at once -#}
    {% do errors.append("landing zone, table " ~ table ~ ", " ~ shown_path(where) ~ ": " ~ what ~ " Fix: " ~ fix) %}
{% endmacro %}


{% macro landing_files(table, faults, errors) %}
    {#-
        The files of one table: {table, listed: all that count tonight, files: those that are read, kept: {file: where its rows are}
        of those that need not be}. What is wrong with them is added to the errors. faults: what is known of files that nobody can
        read, {path below the landing zone: [what, fix]}.
    -#}
    {% set root = landing_folder() %}
    {% set single = [] %}
    {% set drops = [] %}
    {% set listed = list_files(root, table.name) %}
    {% set known_errors = errors | length %}
    {% for file in listed %}
        {% set name = file.path.split("/") | last %}
        {#- _SUCCESS, .crc and the like are the marks of tools, not data -#}
        {% set is_hidden = name.startswith(("_", ".")) %}
        {% if not is_hidden or (name | lower).endswith((".parquet", ".csv")) %}
            {% if is_hidden %}
                {% do landing_error(
                    errors, table.name, "file " ~ file.path,
                    "its name begins with " ~ name[0] ~ ", like the marks of tools, so nobody reads it.",
                    "give it another name if its rows count, or move it away.",
                ) %}
            {% elif file.path.startswith(root ~ "/" ~ table.name ~ ".") and "/" in file.path[root | length + 1:] %}
                {% do landing_error(
                    errors, table.name, "file " ~ file.path,
                    "it stands in a folder that is called like a file, so nobody reads it.",
                    "call the folder " ~ table.name ~ ".",
                ) %}
            {% elif not name.endswith((".parquet", ".csv")) %}
                {% do landing_error(
                    errors, table.name, "file " ~ file.path,
                    "it is called like the table's data but ends neither in .parquet nor in .csv (in lower case), so nobody reads it.",
                    "deliver it in one of these formats, or move it away.",
                ) %}
            {% elif file.size == 0 %}
                {% do landing_error(
                    errors, table.name, "file " ~ file.path,
                    "it is empty: not even a header.",
                    "deliver it again; a header without rows is legal.",
                ) %}
            {% else %}
                {% do (drops if file.path.startswith(root ~ "/" ~ table.name ~ "/") else single).append(file.path) %}
            {% endif %}
        {% endif %}
    {% endfor %}
    {% set listed_paths = listed | map(attribute="path") | list %}
    {% for path, fault in faults.items() if modules.re.match(table.name ~ "[./]", path) and root ~ "/" ~ path not in listed_paths %}
        {% do landing_error(errors, table.name, "file " ~ root ~ "/" ~ path, fault[0], fault[1]) %}
    {% endfor %}
    {% set paths = single + drops %}
    {% if paths | length == 0 and errors | length > known_errors %}
    {% elif paths | length == 0 and not table.optional %}
        {% do landing_error(
            errors, table.name, root,
            "found neither " ~ table.name ~ ".parquet nor " ~ table.name ~ ".csv nor a folder " ~ table.name ~ "/ with such files.",
            "point --raw (or the variable raw) at the landing zone; an empty file with the right header is legal.",
        ) %}
    {% elif paths | length == 0 and table.name in tables_of_decisions() %}
        {#- what no decision looks at is missed by nobody -#}
        {% do log("landing zone: there is no " ~ table.name ~ " (it is optional)", info=true) %}
    {% endif %}
    {% if single | length > 1 or (single and drops) %}
        {% do landing_error(
            errors, table.name, root,
            "it is there more than once (" ~ single | join(", ") ~ (", " ~ table.name ~ "/" if drops else "") ~ "), and nothing says which one counts.",
            "keep one of them.",
        ) %}
    {% endif %}
    {% set tonight = files_of_tonight(table.name, listed | selectattr("path", "in", paths) | list) %}
    {% if is_taking_back() %}
        {% set news = files_with_news(table.name, tonight, single) %}
        {% set tonight = tonight | selectattr("path", "in", news) | list %}
    {% endif %}
    {% set kept = find_kept_files(table.name, tonight) if table.name in typed_tables() else {} %}
    {% set new = [] %}
    {% for file in tonight if relative_to_landing(file.path) not in kept %} {% do new.append(file) %} {% endfor %}
    {{ return({"table": table, "listed": tonight, "kept": kept, "files": described_files(table, new, faults, errors)}) }}
{% endmacro %}


{% macro files_called(names, files) %}
    {#- of files (list_files), those of these names below the landing zone -#}
    {% set found = [] %}
    {% for file in files if relative_to_landing(file.path) in names %} {% do found.append(file) %} {% endfor %}
    {{ return(found) }}
{% endmacro %}


{% macro described_files(table, listed, faults, errors) %}
    {#- those files of a table that can be read, each with its path, size, time, format and columns -#}
    {% set readable = [] %}
    {% for file in listed %}
        {% set fault = faults.get(relative_to_landing(file.path)) %}
        {% if fault %}
            {% do landing_error(errors, table.name, "file " ~ file.path, fault[0], fault[1]) %}
        {% else %}
            {% do readable.append(file.path) %}
        {% endif %}
    {% endfor %}
    {% set files = describe_files(readable) %}
    {% set found = {} %}
    {% for file in listed %} {% do found.update({file.path: file}) %} {% endfor %}
    {% for file in files %}
        {% do file.update({"folder_columns": folder_columns(table, file)}) %}
        {% do file.update({"size": found[file.path].size, "written_at": found[file.path].written_at}) %}
        {% do check_header(table, file, errors) %}
    {% endfor %}
    {{ return(files) }}
{% endmacro %}


{% macro folder_columns(table, file) %}
    {#- the contract's columns that stand in the names of a file's folders only (campaign_id=x/) -#}
    {% set columns = [] %}
    {% for name in modules.re.findall("/([A-Za-z_]+)=[^/]*(?=/)", relative_to_landing(file.path)) if name | lower not in file.columns | map("lower") | list %}
        {% for column in table.columns if column.name == name | lower and column.name not in columns %}
            {% do columns.append(column.name) %}
        {% endfor %}
    {% endfor %}
    {{ return(columns) }}
{% endmacro %}


{% macro check_header(table, file, errors) %}
    {#- an error where a file's columns cannot be those of its table; what may be a row and not a header is not shown -#}
    {% set where = "file " ~ file.path %}
    {% set names = file.columns | map("lower") | list %}
    {% set wanted = table.columns | map(attribute="name") | list %}
    {% set known = names | select("in", wanted) | list %}
    {% if names | length == 0 %}
        {% do landing_error(
            errors, table.name, where, "its first line is empty; the header must stand there.", "deliver it again with the header first."
        ) %}
    {% elif "\x00" in names | join("") %}
        {% do landing_error(
            errors, table.name, where, "there are NUL bytes in its header: it is no text in UTF-8 (UTF-16, perhaps).",
            "deliver it again in UTF-8.",
        ) %}
    {% elif names | length == 1 and modules.re.search("[;\t|]", names[0]) %}
        {% do landing_error(
            errors, table.name, where, "its header has no comma: the columns are separated by another character.",
            "deliver it again with commas.",
        ) %}
    {% elif file.is_torn %}
        {% do landing_error(
            errors, table.name, where, "its header is broken: a quote in it is never closed.",
            "deliver it again with the header in one line.",
        ) %}
    {% else %}
        {% for column in table.columns if column.required and column.name not in names + file.folder_columns %}
            {% do landing_error(
                errors, table.name, where,
                "the required column " ~ column.name ~ " is missing"
                ~ (" (found: " ~ shown_columns(file.columns) ~ ")." if known else ": no name in its header is one of the table's; is there a header?"),
                "deliver the file again with that column, or remove the file from the landing zone.",
            ) %}
        {% endfor %}
        {% for name in known | unique if known.count(name) > 1 %}
            {% do landing_error(
                errors, table.name, where,
                "the column " ~ name ~ " is there " ~ known.count(name) ~ " times (upper and lower case are one), and nothing says which one counts.",
                "deliver the file again with one of them, or under different names.",
            ) %}
        {% endfor %}
    {% endif %}
    {% for name in names if known and name not in wanted and modules.re.fullmatch("[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}([T ].*)?|[0-9]{10}([0-9]{3}){0,2}", name) %}
        {% do landing_error(
            errors, table.name, where,
            "a time stands among the names in its header: the first row stands in it, perhaps, and would be lost.",
            "deliver it again with a line break after the header; a column that is called like a time gets another name.",
        ) %}
    {% endfor %}
{% endmacro %}


{% macro shown_path(path) %}
    {#-
        The path of a file for people and logs, relative to the landing zone or below its folder: what stands in a folder's name
        for a column (user_id=ann@example.com/) is a value, unless it is a time. Python has the same (foundation/names.py).
    -#}
    {% set root = landing_folder() ~ "/" if (landing_folder() ~ "/") in path else "" %}
    {% set begin = path.split(root, 1)[0] ~ root if root else "" %}
    {% set masked = modules.re.sub(
        "(?<=/)(?!(?:landed_on|year|month|day|hour|date|dt)=)(\\w+)=[^/\n]*?(?=/|\\.csv\\b|\\.parquet\\b)", "\\1=…", "/" ~ path[begin | length:]
    ) %}
    {{ return(begin ~ masked[1:]) }}
{% endmacro %}


{% macro shown_columns(names, separator=", ") %}
    {#-
        The names of columns for people and logs. Where one of them looks like a value (it begins like a number or a time, or holds
        an @ or a brace, or is very long), the line may be a row, or a header and a row in one: then only how many there are.
    -#}
    {% set values = [] %}
    {% for name in names if modules.re.search("^[-+]?[0-9]|[@{]", name) or name | length > 64 %}
        {% do values.append(name) %}
    {% endfor %}
    {{ return(names | length ~ " that look like values" if values else names | join(separator)) }}
{% endmacro %}


{% macro record_landing_files(found) %}
    {% set known = {} %}
    {% for table in landing_contract() %}
        {% do known.update({table.name: table.columns | map(attribute="name") | list}) %}
    {% endfor %}
    {% set rows = [] %}
    {% for item in found %}
        {% for file in item.files %}
            {% set unknown = [] %}
            {% for column in file.columns if column | lower not in known[item.table.name] %}
                {% do unknown.append(column) %}
            {% endfor %}
            {% set names = [item.table.name, relative_to_landing(file.path), landed_on(file.path), shown_columns(unknown, ",")] %}
            {#- as it was found, before it was read: what is written meanwhile has another size or time -#}
            {% do rows.append(sql_texts(names) ~ ", " ~ file.size ~ ", " ~ (file.written_at if file.written_at is number else "null") ~ ", " ~ loop.index) %}
            {% if unknown %}
                {% do log("landing zone: " ~ item.table.name ~ ", " ~ shown_path(relative_to_landing(file.path)) ~ ": ignored unknown columns: " ~ shown_columns(unknown), info=true) %}
            {% endif %}
        {% endfor %}
    {% endfor %}
    {% do run_query("drop table if exists landing.landing_files") %}
    {% do run_query(
        "create table landing.landing_files as select cast(null as " ~ text_type() ~ ") as table_name, cast(null as "
        ~ text_type() ~ ") as file, cast(null as date) as landed_on, cast(null as " ~ text_type() ~ ") as unknown_columns, "
        ~ "cast(null as bigint) as file_bytes, cast(null as bigint) as written_at_us, cast(null as bigint) as drop_number, "
        ~ "cast(null as timestamp) as judged_at where false"
    ) %}
    {% for chunk in rows | batch(500) %}
        {% set values = [] %}
        {% for row in chunk %}
            {% do values.append("(" ~ row ~ ")") %}
        {% endfor %}
        {% do run_query(
            "insert into landing.landing_files select table_name, file, try_cast(landed_on as date), unknown_columns, file_bytes, "
            ~ "cast(written_at_us as bigint), drop_number, " ~ wall_clock() ~ " from (values " ~ values | join(", ")
            ~ ") as found(table_name, file, landed_on, unknown_columns, file_bytes, written_at_us, drop_number)"
        ) %}
    {% endfor %}
    {% for item in found if item.kept %}
        {% set days = [] %}
        {% for file in item.kept %} {% do days.append("(" ~ sql_texts([file, landed_on(landing_folder() ~ "/" ~ file)]) ~ ")") %} {% endfor %}
        {% do run_query(
            "insert into landing.landing_files select files.table_name, files.file, try_cast(days.landed_on as date), files.unknown_columns, "
            ~ "files.file_bytes, files.written_at_us, cast(null as bigint), files.judged_at from drops.files as files inner join (values "
            ~ days | join(", ") ~ ") as days(file, landed_on) on files.file = days.file where files.table_name = " ~ sql_text(item.table.name)
        ) %}
    {% endfor %}
{% endmacro %}


{% macro relative_to_landing(path) %}
    {%- set root = landing_folder() ~ "/" -%}
    {{ return(path[root | length:] if path.startswith(root) else path) }}
{% endmacro %}


{% macro contract_columns_as_text(table_name, relation) %}
    {#- a complete order over a table's rows: each column of the contract as text, nulls as the smallest text -#}
    {%- if execute -%}
        {%- for node in graph.sources.values() if node.source_name == "landing" and node.name == table_name -%}
            {%- for column in node.columns.values() -%}
                coalesce(cast({{ relation }}.{{ column.name }} as {{ text_type() }}), ''){{ ", " if not loop.last }}
            {%- endfor -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}
