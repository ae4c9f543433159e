"""How the rows of a world become files: shapes, types and spellings, all from a random generator.

A row's values are Python's where they are good (`datetime`, `date` for a whole day, `bool`, `int`, `dict`), and texts where
the text itself is meant. Two keys of a row are about its file: `_drop` (`early`, `late`) and `_lacks` (columns that the
file must not have).
"""

from __future__ import annotations

import csv
import json
import random
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from .landing import BOOL, ID, INT, JSON_OBJECT, NAME, TEXT, TIME, TOPICS, WORD, Column, Table, file_engine
from .settings import Settings

DAY = timedelta(hours=24)
FOLDER_COLUMNS = ("campaign_id", "channel", "event_type", "event_name", "country", "status", "sentiment")
EVENT_FIELDS = {
    "product_id": "VARCHAR",
    "product_name": "VARCHAR",
    "dwell_seconds": "DOUBLE",
    "price": "DOUBLE",
    "order_id": "VARCHAR",
    "total": "DECIMAL(12,2)",
    "currency": "VARCHAR",
    "score": "DOUBLE",
    "latitude": "DOUBLE",
    "longitude": "DOUBLE",
}
ATTRIBUTE_FIELDS = {"loyalty_points": "BIGINT", "favorite_category": "VARCHAR"}

Row = dict[str, Any]


def write_table(
    rng: random.Random, folder: Path, table: Table, rows: list[Row], settings: Settings, last_drop: date
) -> str:
    """Write the rows in a shape of the generator's choice, and say which: parquet, csv, folder or drops."""
    shape = rng.choice(("parquet", "csv", "folder", "drops", "drops"))
    if shape in ("parquet", "csv"):
        write_file(rng, folder / f"{table.name}.{shape}", table, rows, settings)
        return shape
    parts: dict[int, list[Row]] = defaultdict(list)
    count = rng.randint(1, 4)
    for number, row in enumerate(rows):
        part = {"early": 0, "late": count - 1}.get(row.get("_drop", ""), number % count)
        parts[part].append(row)
    for part in range(count):
        place = folder / table.name
        if shape == "drops":
            place /= f"landed_on={last_drop - (count - 1 - part) * DAY}"
        write_drop(rng, place, f"part-{part}", table, parts[part], settings)
    return shape


def write_drop(
    rng: random.Random, place: Path, name: str, table: Table, rows: list[Row], settings: Settings
) -> None:
    """Write rows into one folder, in as many files as their columns and ids ask for."""
    optional = [column.name for column in table.columns if not column.required]
    by_columns: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    share = 0.3 if table.name == "users" else 0.2
    gone = tuple(rng.sample(optional, rng.randint(1, 2))) if optional and rng.random() < share else ()
    if table.name == "users" and rng.random() < 0.8:
        # most of the time not the addresses and flags: without them nobody is sent anything
        gone = tuple(set(gone) - {"email", "email_opt_in", "sms_opt_in", "push_opt_in"})
    for row in rows:
        by_columns[tuple(sorted({*row.get("_lacks", ()), *gone}))].append(row)
    number = 0
    for lacks, some in sorted(by_columns.items()):
        for inner, others, hive in _in_folders(rng, place, table, some, lacks):
            for group in _with_numeric_ids_apart(rng, others):
                path = inner / f"{name}-{number}.{rng.choice(('parquet', 'parquet', 'csv'))}"
                write_file(rng, path, table, group, settings, lacks=(*lacks, *hive), is_wild=True)
                number += 1
    if not rows:
        write_file(rng, place / f"{name}.parquet", table, [], settings)


def _in_folders(
    rng: random.Random, place: Path, table: Table, rows: list[Row], lacks: tuple[str, ...]
) -> list[tuple[Path, list[Row], tuple[str, ...]]]:
    """Now and then, a column that stands in the folders' names only: (folder, rows, that column)."""
    columns = [c.name for c in table.columns if c.name in FOLDER_COLUMNS and c.name not in lacks]
    if not columns or rng.random() < 0.75:
        return [(place, rows, ())]
    column = rng.choice(columns)
    by_value: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        value = row.get(column)
        plain = value is None or re.fullmatch(r"\w{1,60}", value, re.ASCII)
        by_value["" if not plain else "__HIVE_DEFAULT_PARTITION__" if value is None else value].append(row)
    return [
        (place / f"{column}={value}" if value else place, some, (column,) if value else ())
        for value, some in sorted(by_value.items())
    ]


def _with_numeric_ids_apart(rng: random.Random, rows: list[Row]) -> list[list[Row]]:
    """Now and then, the rows whose users have numbers for ids in a file of their own."""
    numeric = [row for row in rows if str(row.get("user_id") or "").isdecimal()]
    if not numeric or rng.random() < 0.5:
        return [rows]
    others = [row for row in rows if not str(row.get("user_id") or "").isdecimal()]
    return [group for group in (numeric, others) if group]


# ---------------------------------------------------------------------------------------------------------
# One file


def write_file(
    rng: random.Random,
    path: Path,
    table: Table,
    rows: list[Row],
    settings: Settings | None = None,
    *,
    lacks: Iterable[str] = (),
    is_wild: bool = False,
) -> None:
    """Write rows as CSV or Parquet. With `settings`, values come in many spellings; `is_wild`: and in many types."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = {column.name: column for column in table.columns if column.name not in set(lacks)}
    names = list(columns)
    rng.shuffle(names)
    if rng.random() < 0.3:
        names.append("a_column_nobody_knows")
    if path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as handle:
            writer = csv.writer(handle, lineterminator="\n")
            writer.writerow(names)
            for row in rows:
                cells = [as_written(row.get(name), columns.get(name), rng, settings) for name in names]
                writer.writerow([cell or "" for cell in cells])
        return
    types = {name: _parquet_type(rng, columns.get(name), rows, is_wild) for name in names}
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "rows.json"
        with source.open("w", encoding="utf-8") as handle:
            for row in rows:
                texts = {}
                for name, type_of in types.items():
                    value = row.get(name)
                    may_vary = type_of in ("VARCHAR", "BLOB")
                    texts[name] = (
                        as_written(value, columns.get(name), rng, settings)
                        if may_vary
                        else _for_cast(value, type_of)
                    )
                handle.write(json.dumps(texts) + "\n")
        declared = ", ".join(f"'{name}': 'VARCHAR'" for name in names)
        casts = ", ".join(f'{_cast(name, kind)} as "{name}"' for name, kind in types.items())
        target = str(path).replace("'", "''")
        file_engine().execute(
            f"copy (select {casts} from read_json('{source}', format = 'newline_delimited', "
            f"columns = {{{declared}}})) to '{target}' (format parquet)"
        )


def _parquet_type(rng: random.Random, column: Column | None, rows: list[Row], is_wild: bool) -> str:
    """A type in which every value fits: typed columns where they can be, else text, as a careless producer would."""
    if column is None:
        return "VARCHAR"
    good = [row[column.name] for row in rows if row.get(column.name) is not None]

    def all_of(*types: type) -> bool:
        return bool(good) and all(type(value) in types for value in good)

    choices = ["VARCHAR"]
    if column.kind == TIME and all_of(datetime):
        choices = ["TIMESTAMP", "TIMESTAMP", "TIMESTAMPTZ", "VARCHAR"]
        if is_wild:
            choices += ["unix BIGINT", "unix DOUBLE", "unix_ms BIGINT", "unix_us BIGINT"]
    elif column.kind == TIME and all_of(date):
        choices = ["DATE"]
    elif column.kind == BOOL and all_of(bool):
        choices = ["BOOLEAN", "BOOLEAN", "INTEGER", "DOUBLE"] if is_wild else ["BOOLEAN"]
    elif column.kind == INT and all_of(int):
        choices = ["INTEGER", "BIGINT", "DOUBLE", "DECIMAL(10,2)"] if is_wild else ["INTEGER", "BIGINT"]
    elif is_wild and column.kind == ID and good and all(re.fullmatch(r"[1-9]\d{0,8}", v) for v in good):
        choices = ["BIGINT", "DOUBLE", "DECIMAL(38,10)", "VARCHAR"]
    elif is_wild and column.kind == TOPICS and all_of(tuple):
        choices = ["VARCHAR", "VARCHAR[]"]
    elif is_wild and column.kind == JSON_OBJECT and all_of(dict):
        fields = ATTRIBUTE_FIELDS if column.name == "attributes" else EVENT_FIELDS
        if all(_fits(value, fields) for value in good):
            choices = ["struct", "struct", "VARCHAR"]
        if all(not isinstance(v, (list, dict)) for value in good for v in value.values()):
            choices += ["MAP(VARCHAR, VARCHAR)"]
    choice = rng.choice(choices)
    if choice == "VARCHAR" and is_wild and rng.random() < 0.15:
        return "BLOB"
    if choice == "struct":
        return json.dumps(ATTRIBUTE_FIELDS if column.name == "attributes" else EVENT_FIELDS)
    return choice


def _fits(value: Mapping[str, Any], fields: Mapping[str, str]) -> bool:
    """Whether a STRUCT of these fields holds the value without changing it."""
    for name, item in value.items():
        if name not in fields:
            return False
        is_text = fields[name] == "VARCHAR"
        if item is not None and (isinstance(item, bool) or isinstance(item, str) is not is_text):
            return False
        if isinstance(item, (list, dict)) or (
            fields[name] == "BIGINT" and type(item) not in (int, type(None))
        ):
            return False
    return True


def _cast(name: str, kind: str) -> str:
    if kind == "BLOB":
        return f'encode("{name}")'
    if kind.startswith("{"):
        return f"""from_json("{name}", '{kind}')"""
    if kind.startswith("MAP"):
        return f'cast(cast("{name}" as json) as {kind})'
    if kind == "VARCHAR[]":
        return f"""from_json("{name}", '["VARCHAR"]')"""
    return (
        f'cast("{name}" as {kind.rpartition(" ")[2]})'
        if kind.startswith("unix")
        else f'cast("{name}" as {kind})'
    )


def _for_cast(value: Any, kind: str) -> str | None:
    """A value as the text that is cast to the type."""
    if value is None:
        return None
    if kind.startswith("unix"):
        micros = (value - datetime(1970, 1, 1)) // timedelta(microseconds=1)
        return str(micros // {"unix": 1_000_000, "unix_ms": 1000, "unix_us": 1}[kind.split()[0]])
    if isinstance(value, bool) and kind in ("INTEGER", "DOUBLE"):
        return "1" if value else "0"
    return as_written(value, None)


# ---------------------------------------------------------------------------------------------------------
# One value


def as_written(
    value: Any, column: Column | None, rng: random.Random | None = None, settings: Settings | None = None
) -> str | None:
    """A value as text; with a generator, times in several spellings, and with settings everything else, too."""
    if rng is None or column is None:
        return _plainly(value)
    if isinstance(value, datetime):
        return _time(value, rng, settings is not None)
    if settings is None:
        return _plainly(value)
    if value is None:
        is_null_word = column.kind in (TIME, BOOL, INT, JSON_OBJECT) and rng.random() < 0.1
        return rng.choice(("NULL", "\\N", "None", " ")) if is_null_word else None
    if isinstance(value, bool):
        words = ("true", "TRUE", "t", "Yes", "y", "1", "1.0", "on", "Subscribed")
        if not value:
            words = ("false", "FALSE", "f", "No", "n", "0", "0.0", "off", "Unsubscribed")
        return rng.choice(words) if rng.random() < 0.5 else words[0]
    if isinstance(value, int):
        return rng.choice((str(value), str(value), f"{value}.0", f" {value} "))
    if isinstance(value, tuple):
        return _topics(value, rng)
    if not isinstance(value, str) or rng.random() < 0.9:
        return _plainly(value)
    if column.kind == ID and value.strip():
        spellings = [f" {value}", f"{value} ", f"{value}\u200b", f"\ufeff{value}", f"\t{value}"]
        if value.isdecimal():
            spellings += [f"{value}.0", f"{value}.000"]
        return rng.choice(spellings)
    if column.kind in (NAME, WORD):
        return _word(value, column, rng, settings)
    return value


def _plainly(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, tuple):
        return json.dumps(value)
    return str(value)


def _time(value: datetime, rng: random.Random, is_varied: bool) -> str:
    """The same instant in several spellings."""
    spelling = rng.randint(0, 9) if not is_varied else rng.randint(0, 19)
    if spelling == 8:
        return value.isoformat() + "Z"
    if spelling == 9:
        return (value + timedelta(hours=2)).isoformat(sep=" ") + "+02:00"
    if spelling < 13 or not 2002 <= value.year < 2286:  # ten digits of seconds
        return value.isoformat(sep=" ")
    micros = (value - datetime(1970, 1, 1)) // timedelta(microseconds=1)
    west = (value - timedelta(hours=3, minutes=30)).isoformat(sep="t")
    spellings = {
        13: value.isoformat() + "z",
        14: value.isoformat(sep=" ") + " UTC",
        15: f"{west}-0330",
        16: f"{value.isoformat()},000",
        17: str(micros // 1_000_000) + rng.choice(("", ".0")),
        18: str(micros // 1000),
        19: str(micros),
    }
    return spellings[spelling]


def _topics(topics: tuple[str, ...], rng: random.Random) -> str:
    """A list of topics as some system writes one."""
    quoted = ",".join(f'"{topic}"' for topic in topics)
    return rng.choice(
        (
            ";".join(topics),
            ", ".join(topics),
            " | ".join(topic.upper() for topic in topics),
            json.dumps(topics),
            "{" + ",".join(topics) + "}",
            "{" + quoted + "}",
        )
    )


def _word(value: str, column: Column, rng: random.Random, settings: Settings) -> str:
    """A word of a vocabulary as another system writes it; one that means the same."""
    if column.kind == NAME:
        translations = settings.event_names
    elif column.name in ("status", "event_type", "channel"):
        translations = settings.vocabulary(column.name)
    else:
        translations = {}
    spellings = [source for source, word in translations.items() if word == value]
    spellings += [value.upper(), f" {value.replace('_', ' ').title()}", value.replace("_", "-"), f"{value}\n"]
    return rng.choice(spellings)


__all__ = ["TEXT", "as_written", "write_drop", "write_file", "write_table"]
