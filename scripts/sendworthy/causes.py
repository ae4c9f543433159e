"""Why a node of dbt failed, in words for the person who is woken by it: the cause, and the SQL around it.

What an engine says of a value that did not fit may quote the value, and that can be somebody's: only what is said of
names (tables, columns, files) and of memory is passed on, of the rest its kind and the line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

# how many lines of SQL are shown before and after the one at fault, and of a statement without such a line
AROUND = 3
HEAD = 12
# of how many failed nodes the SQL is shown
SHOWN = 3

_WITHHELD = "what it says may quote somebody's data, and is only in the log"

# what dbt says itself: an error of a macro or a setting, a test that found rows
_OF_DBT = re.compile(r"(?:Compilation|Parsing|Validation|Contract) Error\b|Got \d+ results?\b")
# how it heads what the engine said, if it heads it at all
_HEAD = re.compile(r"(Runtime|Database) Error(?: in (.+))?$")

# DuckDB: what it says of names, files and room
_DUCKDB_ERROR = re.compile(r"^([A-Z][A-Za-z ]*? Error): ?(.*)", re.MULTILINE | re.DOTALL)
_DUCKDB_OF_NAMES = (
    *("Catalog Error", "Binder Error", "Parser Error", "Syntax Error", "IO Error", "Permission Error"),
    *("Not implemented Error", "Out of Memory Error", "Dependency Error"),
)
_DUCKDB_LINE = re.compile(r"^\s*LINE (\d+): (.*)", re.MULTILINE)

# Spark: [ERROR_CLASS.SUBCLASS] words. SQLSTATE: 42703; line 3 pos 6
_SPARK_ERROR = re.compile(
    r"\[([A-Z][A-Z0-9_]{3,}(?:\.[A-Z0-9_]+)*)\] (.*?)\s*SQLSTATE: ([0-9A-Z]{5})", re.DOTALL
)
_SPARK_LINE = re.compile(r"\bline (\d+),? pos(?:ition)? \d+")
# classes of SQLSTATE whose words are about names and what is supported: syntax, features, connections, catalogues, limits
_SPARK_OF_NAMES = ("42", "0A", "07", "08", "3D", "3F", "46", "54", "58")
# these only wrap the cause
_SPARK_WRAPPERS = {"TASK_WRITE_FAILED", "FAILED_READ_FILE.NO_HINT", "INTERNAL_ERROR"}
_JAVA_ERROR = re.compile(r"\b(?:[a-z]\w*\.)+([A-Z]\w*(?:Exception|Error))\b")
_HINTS = {
    "OutOfMemoryError": "Spark ran out of memory: give it more (SENDWORTHY_SPARK_MEMORY), or cut the work finer (SENDWORTHY_SPARK_PARTITIONS)",
    "ExecutorLostFailure": "a worker was lost again and again while it was at it",
    "All masters are unresponsive": "the Spark master does not answer",
    "No space left on device": "there is no room left on the disk",
}


@dataclass(frozen=True)
class Cause:
    """Why a node failed: in words; `line` of the statement, counted from 1, and a piece of that line, where the engine tells."""

    words: str
    line: int | None = None
    piece: str = ""


@dataclass(frozen=True)
class FailedNode:
    """A node that failed: its kind (model, test, seed, operation), its name and its path, and dbt's whole message."""

    kind: str
    name: str
    path: str
    message: str

    @property
    def title(self) -> str:
        """How dbt names it, without its own kind of error."""
        first = self.message.strip().partition("\n")[0]
        found = re.match(r"[A-Z][a-z]+ Error in (.+)", first)
        return found[1] if found else f"{self.kind} {self.name} ({self.path})"


def find_cause(message: str) -> Cause:
    """What an engine's message says, without stack traces, plans and values.

    `message` is dbt's: the engine's words, most times below a line that names the node. What dbt itself says (a test that
    found rows, an error of a macro) is passed on whole.
    """
    lines = message.strip().splitlines() or [""]
    if _OF_DBT.match(lines[0]):
        return Cause("\n".join(line.strip() for line in lines[1:]) or lines[0])
    said = "\n".join(line for line in lines if not _HEAD.match(line.strip())).strip()
    return _spark_cause(said) or _duckdb_cause(said) or _other_cause(said)


def _spark_cause(said: str) -> Cause | None:
    errors = _SPARK_ERROR.findall(said)
    if not errors:
        return None
    own = [error for error in errors if error[0] not in _SPARK_WRAPPERS] or errors
    kind, words, state = own[0]
    line = _SPARK_LINE.search(said)
    told = f"{kind}: {_one_line(words)}" if state[:2] in _SPARK_OF_NAMES else f"{kind} ({_WITHHELD})"
    return Cause(told, int(line[1]) if line else None)


def _duckdb_cause(said: str) -> Cause | None:
    found = _DUCKDB_ERROR.search(said)
    if not found:
        return None
    kind, words = found[1], found[2]
    line = _DUCKDB_LINE.search(words)
    if kind in _DUCKDB_OF_NAMES:
        kind += ": " + _one_line(words[: line.start()] if line else words)
    else:
        kind += f" ({_WITHHELD})"
    return Cause(kind, int(line[1]) if line else None, line[2].strip(" .") if line else "")


def _other_cause(said: str) -> Cause:
    for sign, hint in _HINTS.items():
        if sign in said:
            return Cause(hint)
    java = _JAVA_ERROR.findall(said)
    # the last one named is the innermost cause
    return Cause(java[-1]) if java else Cause(said.splitlines()[0] if said else "no cause was given")


def _one_line(words: str) -> str:
    return " ".join(words.split())


def describe(failed: FailedNode, target_path: Path, shown_from: Path, with_sql: bool = True) -> str:
    """A failed node as a person reads it: what, why, the SQL around the place, and the file that has all of it.

    `target_path` is where dbt wrote the statements; paths are shown relative to `shown_from` where they are below it.
    """
    cause = find_cause(failed.message)
    lines = [failed.title, *(f"  {line}" for line in cause.words.splitlines())]
    statement = _statement(failed, target_path)
    if statement is None or failed.message.startswith("Compilation Error"):
        return "\n".join(lines)
    # a test that found rows did what its SQL says
    with_sql = with_sql and not _OF_DBT.match(failed.message)
    sql = statement.read_text(encoding="utf-8").splitlines()
    at = _place(sql, cause)
    if with_sql:
        first, last = (max(at - AROUND, 1), min(at + AROUND, len(sql))) if at else (1, min(HEAD, len(sql)))
        for number in range(first, last + 1):
            lines.append(f"  {'>' if number == at else ' '} {number:>4} | {sql[number - 1]}".rstrip())
    place = statement.relative_to(shown_from) if statement.is_relative_to(shown_from) else statement
    lines.append(f"  the whole statement: {place}{f':{at}' if at else ''}")
    return "\n".join(lines)


def _statement(failed: FailedNode, target_path: Path) -> Path | None:
    """The file with what was sent to the engine, else with what was compiled."""
    for folder in ("run", "compiled"):
        for found in sorted((target_path / folder).glob(f"*/{failed.path}")):
            if found.is_file():
                return found
        # a test that stands in a file of properties has a file of its own
        for found in sorted((target_path / folder).glob(f"**/{failed.name}.sql")):
            return found
    return None


def _place(sql: list[str], cause: Cause) -> int | None:
    """The line of the file at fault: dbt puts a line of its own, a comment, before what it sends."""
    if cause.line is None:
        return None
    near = [number for number in (cause.line - 1, cause.line, cause.line + 1) if 1 <= number <= len(sql)]
    for number in near:
        if cause.piece and sql[number - 1].strip().startswith(cause.piece[:60]):
            return number
    return near[0] if near else None
