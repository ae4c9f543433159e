"""Why a node of dbt failed, in words for the person who is woken by it: the cause, and the SQL around it.

What an engine says of a value that did not fit may quote the value, and that can be somebody's: only what is said of
names (tables, columns, files) and of memory is passed on, of the rest its kind and the line. What an engine says is read from
its beginning, because a row that it quotes may hold anything, words like its own too.
"""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path

import duckdb

from sendworthy.foundation.names import shown_path

# how many lines of SQL are shown before and after the one at fault, and of a statement without such a line
AROUND = 3
HEAD = 12
# of how many failed nodes the SQL is shown
SHOWN = 3

_WITHHELD = "what it says may quote somebody's data, so nobody sees it"

# what the machine lacks, as the system and engines say it
NO_ROOM = (
    *("No space left on device", "Disk quota exceeded", "File too large"),
    *("failed to offload", "max_temp_directory_size"),
)
NO_MEMORY = ("Out of Memory", "bad_alloc", "MemoryError", "Cannot allocate memory", "OutOfMemory", "SIGKILL")

# what dbt says itself: an error of a macro or a setting, a test that found rows
_OF_DBT = re.compile(r"(?:Compilation|Parsing|Validation|Contract) Error\b|Got \d+ results?\b")
# how it heads what the engine said, if it heads it at all
_HEAD = re.compile(r"(Runtime|Database) Error(?: in (.+))?$")

# what a macro of ours ends the night with (`fail_with`), and what was made of a file's error before
_OUR_WORDS = re.compile(
    r"(?:Invalid Input Error: )?(the landing zone holds no valid event[^\n]*|landing zone[,:] [^\n]*)"
)
_OUR_WORDS_IN_SPARK = re.compile(
    r"Exception: \[USER_RAISED_EXCEPTION\] (the landing zone holds no valid event[^\n]*)"
)

# DuckDB: what it says of names, files and room
_DUCKDB_ERROR = re.compile(r"([A-Z][A-Za-z ]*? Error): ?(.*)", re.DOTALL)
_DUCKDB_OF_NAMES = (
    *("Catalog Error", "Binder Error", "Parser Error", "Syntax Error", "IO Error", "Permission Error"),
    *("Not implemented Error", "Out of Memory Error", "Dependency Error"),
)
_LINE = re.compile(r"^\s*LINE (\d+):(?: (.*))?", re.MULTILINE)

# DuckDB of a file that it cannot read: what is wrong, in our words (its own quote the row), and what to do
_CSV_ROW = re.compile(r"(?:Invalid Input|Conversion) Error: CSV Error on Line: (\d+)")
_CSV_STATE = "The CSV Parser state machine reached an invalid state"
_CSV_FILE = re.compile(r"^\s*file = (.+?)\s*$", re.MULTILINE)
_CSV_COLUMNS = re.compile(r"^\s*Expected Number of Columns: (\d+) Found: (\d+)\s*$", re.MULTILINE)
_QUOTES = "a value that holds a comma, a quote or a line break stands in double quotes, and a quote in it is doubled"
_CSV_FAULTS = (
    (
        "Value with unterminated quote found",
        "a quote opens there that is not closed as it should be (or the row is longer than 2 MB)",
        f"fix the row ({_QUOTES})",
    ),
    ("Maximum line size", "the row is longer than 2 MB", "shorten it, or deliver the file as Parquet"),
    ("Invalid unicode", "it is not UTF-8", "save the file as UTF-8"),
)
_PARQUET_FILE = re.compile(
    r"Invalid Input Error: (?:"
    r"(?P<cut>No magic bytes found at end of file '(?P<file1>[^\n]+)'|File '(?P<file2>[^\n]+)' too small to be a Parquet file)"
    r"|Footer length error in file '(?P<file3>[^\n]+)'|Failed to read file \"(?P<file4>[^\n]+)\": [^\n]*"
    r"|File '(?P<file5>[^\n]+)' is encrypted[^\n]*)$",
    re.MULTILINE,
)
# it does not say of which file
UNNAMED_FILE = "landing zone: a Parquet file is damaged."
_PARQUET_DAMAGED = re.compile(r"^\s*(?:Error: )?(?:don't know what type|TProtocolException)", re.MULTILINE)

# Spark: [ERROR_CLASS.SUBCLASS] words. SQLSTATE: 42703; line 3 pos 6
_SPARK_ERROR = re.compile(
    r"\[([A-Z][A-Z0-9_]{3,}(?:\.[A-Z0-9_]+)*)\] (.*?)\s*SQLSTATE: ([0-9A-Z]{5})", re.DOTALL
)
_SPARK_BEGINS = re.compile(
    r"(?:An error occurred while calling \S+\s*:\s*)?(?:(?:[a-z]\w*\.)+[A-Z]\w*: )*\[[A-Z][A-Z0-9_.]+\]"
)
_SPARK_STATE = re.compile(r"SQLSTATE: ([0-9A-Z]{5})")
_SPARK_LINE = re.compile(r"\bline (\d+),? pos(?:ition)? \d+")
# classes of SQLSTATE whose words are about names and what is supported: syntax, features, connections, catalogues, limits
_SPARK_OF_NAMES = ("42", "0A", "07", "08", "3D", "3F", "46", "54", "58")
# these only wrap the cause
_SPARK_WRAPPERS = {"TASK_WRITE_FAILED", "FAILED_READ_FILE.NO_HINT", "INTERNAL_ERROR"}
_JAVA_ERROR = re.compile(r"^(?:Caused by: |: )?(?:[a-z]\w*\.)+([A-Z]\w*(?:Exception|Error))\b", re.MULTILINE)
_HINTS = {
    "OutOfMemoryError": "Spark ran out of memory: give it more (SENDWORTHY_SPARK_MEMORY), or cut the work finer (SENDWORTHY_SPARK_PARTITIONS)",
    "ExecutorLostFailure": "a worker was lost again and again while it was at it",
    "All masters are unresponsive": "the Spark master does not answer",
    "No space left on device": "No space left on device: there is no room left on the disk",
}


_OTHER_VERSION = "another version of the project wrote it, or a model was changed: CHANGELOG.md has what an upgrade needs, `git status` what was changed"

# what to do about what a system or DuckDB says; the first line that fits counts
_FIXES = (
    (NO_ROOM, "make room where there is none"),
    (
        NO_MEMORY,
        "give the machine more memory or end what else is using it, or set SENDWORTHY_MEMORY (such as 4GB) to how much DuckDB may take",
    ),
    (
        ("Could not set lock", "Conflicting lock", "is already attached", "being used by another process"),
        "another program has the file open to write to it: end that program, or let it open the file read-only",
    ),
    (
        ("not a valid DuckDB database file",),
        "it is a file of another kind: name the DuckDB file of a night with --db",
    ),
    (
        ("database file with version number", "storage version", "newer version"),
        "another version of DuckDB wrote it: install the one that this project has locked (`make setup`)",
    ),
    (
        ("checksum", "Corrupt", "corrupt", "Input/output error", "Stale file handle"),
        "the file or its disk is damaged: see the system's log, and put a copy of the file back. A published file holds the ledgers of all past nights",
    ),
    (
        ("Permission denied", "Operation not permitted", "Read-only file system"),
        "see whose it is, and whether its disk is mounted read-only",
    ),
    (
        ("Is a directory", "Not a directory", "File exists", "Directory not empty"),
        "something else of that name is in the way: move it away, or name another place",
    ),
    (("File name too long",), "name a shorter path"),
    (("Too many open files",), "let the process open more files (`ulimit -n`)"),
    (
        ("No files found that match the pattern",),
        "the typed files that the published file reads are not beside it: name the published file itself, and no copy "
        "of it, or run a night, which makes them anew",
    ),
    (("No such file or directory",), "see that it is there: it was removed, or its disk is not mounted"),
    (("Catalog Error", "Binder Error"), _OTHER_VERSION),
)


def find_fix(said: str) -> str | None:
    """What to do about what a system or an engine says, without a point at its end; None where nothing is known of it."""
    return next((fix for signs, fix in _FIXES if any(sign in said for sign in signs)), None)


def words_of(error: BaseException) -> str:
    """What failed in this process, with the file where it is known, and nothing of anybody's data."""
    if isinstance(error, MemoryError):
        return "MemoryError: this process could get no more memory"
    sign = next((sign for sign in (*NO_ROOM, *NO_MEMORY) if sign in str(error)), None)
    if isinstance(error, duckdb.Error):
        # what DuckDB says of room may stand within something else, such as a transaction that it could not end
        words = find_cause(str(error)).words.rstrip(".")
        return sign if sign and sign not in words else words
    if isinstance(error, OSError) and error.strerror:
        return redact_exception(error)
    return sign or type(error).__name__


def fix_of(error: BaseException) -> str:
    """What to do about an error of this process, without a point at its end: what it says itself, else what is known; or nothing."""
    return str(getattr(error, "fix", "") or find_fix(words_of(error)) or "").rstrip(".")


@dataclass(frozen=True)
class Cause:
    """Why a node failed: in words; `line` of the statement, counted from 1, and a piece of that line, where the engine says it.

    `of_a_file`: a delivered file is at fault, and the statement says nothing about it.
    """

    words: str
    line: int | None = None
    piece: str = ""
    of_a_file: bool = False


_UNKNOWN = Cause(f"an error ({_WITHHELD})")


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


def find_cause(message: str, is_redacted: bool = False) -> Cause:
    """What an engine's message says, without stack traces, plans and values.

    `message` is an engine's, or dbt's: the same below lines that name the node. What dbt itself says (a test that found rows,
    an error of a macro, no profile) is passed on, and so is the first line of whatever `is_redacted`.
    """
    lines = message.strip().splitlines() or [""]
    if _OF_DBT.match(lines[0]):
        return Cause("\n".join(line.strip() for line in lines[1:]) or lines[0])
    heads = len(list(takewhile(lambda line: _HEAD.match(line.strip()), lines)))
    said = "\n".join(lines[heads:]).strip()
    found = _cause_of_engine(said)
    if found is None and said and (heads or is_redacted):
        return _words_of_dbt(said)
    return found or _UNKNOWN


def _cause_of_engine(said: str) -> Cause | None:
    """The cause in the words of an engine, without anything before them; None where they are of no known form."""
    ours = _OUR_WORDS.match(said)
    if ours:
        return Cause(ours[1].strip(), of_a_file=True)
    found = _file_cause(said) or _duckdb_cause(said) or _spark_cause(said) or _known_cause(said)
    return found and replace(found, words=shown_path(found.words), piece=shown_path(found.piece))


def redact(said: str) -> str:
    """What an engine says, without what could be somebody's: for logs, for records, and for `find_cause`, which finds the same."""
    cause = _cause_of_engine(said.strip()) or _UNKNOWN
    line = f"\n\nLINE {cause.line}: {cause.piece}".rstrip() if cause.line is not None else ""
    return cause.words + line


def redact_exception(error: BaseException) -> str:
    """What an exception of Python's says, without what could be somebody's: its kind, and the file that it is about."""
    if isinstance(error, OSError) and error.strerror:
        return (
            f"{error.strerror}: {shown_path(str(error.filename))}" if error.filename else str(error.strerror)
        )
    if type(error).__module__.partition(".")[0] in ("duckdb", "_duckdb", "pyspark", "py4j"):
        return redact(str(error))
    return f"{type(error).__name__} ({_WITHHELD})"


def _file_cause(said: str) -> Cause | None:
    """DuckDB cannot read a file of the landing zone: the file, the row where it is known, and what to do."""
    first = said.partition("\n")[0]
    row = _CSV_ROW.match(first)
    named = _CSV_FILE.findall(said)
    if named and (row or _CSV_STATE in first):
        # the last one: before it the row is quoted, which may hold anything
        return _of_file(named[-1], int(row[1]) if row else None, *_csv_fault(said))
    parquet = _PARQUET_FILE.match(said)
    if parquet:
        file = next(path for name, path in parquet.groupdict().items() if path and name != "cut")
        what = "it is no Parquet file, or only a piece of one" if parquet["cut"] else "it is damaged"
        what = "it is encrypted" if parquet["file5"] else what
        return _of_file(file, None, what, "deliver it again")
    if _PARQUET_DAMAGED.search(said):
        return Cause(UNNAMED_FILE, of_a_file=True)
    return None


def _csv_fault(said: str) -> tuple[str, str]:
    """What is wrong with a row of a CSV file, and what to do."""
    counted = _CSV_COLUMNS.findall(said)
    if counted:
        header, found = counted[-1]
        return f"it has {found} values, and the header names {header}", f"fix the row ({_QUOTES})"
    for sign, what, fix in _CSV_FAULTS:
        if sign in said:
            return what, fix
    return (
        "its line ends are of more than one kind, or its quotes do not fit",
        "deliver it again with one kind of line end",
    )


def _of_file(file: str, row: int | None, what: str, fix: str) -> Cause:
    place = f"file {file}"
    if row is not None:
        place += f", line {row} (a value over several lines counts as one)"
    return Cause(
        f"landing zone, {place}: {what}. Fix: {fix}, or remove the file from the landing zone.",
        of_a_file=True,
    )


def _spark_cause(said: str) -> Cause | None:
    errors = _SPARK_ERROR.findall(said)
    if not errors:
        return None
    own = [error for error in errors if error[0] not in _SPARK_WRAPPERS] or errors
    kind, words, _ = own[0]
    if kind == "USER_RAISED_EXCEPTION" and (ours := _OUR_WORDS_IN_SPARK.search(said)):
        return Cause(ours[1].partition(" SQLSTATE")[0].strip(), of_a_file=True)
    line = _SPARK_LINE.search(said)
    # what is wrong with names comes first, before a row is read; a row that is quoted may look like it, but is quoted by another
    # error, whose state stands behind it
    states = _SPARK_STATE.findall(said)
    is_first = own[0] == errors[0] and _SPARK_BEGINS.match(said)
    is_of_names = is_first and all(state[:2] in _SPARK_OF_NAMES for state in states)
    text = f"{kind}: {_one_line(words)}" if is_of_names else f"{kind} ({_WITHHELD})"
    return Cause(text, int(line[1]) if line else None)


def _duckdb_cause(said: str) -> Cause | None:
    found = _DUCKDB_ERROR.match(said)
    if not found:
        return None
    kind, words = found[1], found[2]
    words, line, piece = _without_line(words)
    if kind in _DUCKDB_OF_NAMES:
        return Cause(f"{kind}: {_one_line(words).partition(' Possible solutions')[0]}", line, piece)
    # what DuckDB says of room may stand within something else, such as a transaction that it could not end
    sign = next((sign for sign in (*NO_ROOM, *NO_MEMORY) if sign in words), None)
    return Cause(f"{kind}: {sign}" if sign else f"{kind} ({_WITHHELD})", line)


def _without_line(words: str) -> tuple[str, int | None, str]:
    """The words, the line of the statement that they end with, and the piece of the statement there."""
    lines = list(_LINE.finditer(words))
    if not lines:
        return words, None, ""
    return words[: lines[-1].start()], int(lines[-1][1]), (lines[-1][2] or "").strip(" .")


def _known_cause(said: str) -> Cause | None:
    for sign, hint in _HINTS.items():
        if sign in said:
            return Cause(hint)
    java = _JAVA_ERROR.findall(said)
    # the last one named is the innermost cause
    return Cause(java[-1]) if java else None


def _words_of_dbt(said: str) -> Cause:
    """What dbt says below a line that names its own kind of error, or what was made of an engine's words before."""
    words, line, piece = _without_line(said)
    return Cause(words.strip().partition("\n")[0], line, piece)


def _one_line(words: str) -> str:
    return " ".join(words.split())


def describe(failed: FailedNode, target_path: Path, shown_from: Path, with_sql: bool = True) -> str:
    """A failed node as a person reads it: what, why, the SQL around the place, and the file that has all of it.

    `target_path` is where dbt wrote the statements; paths are shown relative to `shown_from` where they are below it.
    """
    cause = find_cause(failed.message, is_redacted=True)
    lines = [failed.title, *(f"  {line}" for line in cause.words.splitlines())]
    if cause.of_a_file:
        return "\n".join(lines)
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


def ended_from_outside(returncode: int) -> str:
    """What a process died of that did not end by itself."""
    name = signal.Signals(-returncode).name
    if name == "SIGKILL":
        return (
            "dbt was killed (SIGKILL). Most times the system does that when memory runs out (Out of Memory in its log); "
            "if not, somebody did."
        )
    return f"dbt was ended from outside, or crashed ({name})."
