"""What commands print: text without markup, whatever it holds, in 80 columns."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sendworthy.cli import output
from sendworthy.delivery.verify import Check, Finding, Verified
from sendworthy.foundation import console
from sendworthy.foundation.console import Console
from sendworthy.inspect.coverage import Coverage, FieldCoverage, Lift
from sendworthy.inspect.explain import Explanation

from tests.support.projects import FIRST, ROOT, Place, copy_project, sendworthy

MARKUP = "[red]we[/red] [1] [/] :smile: [link=x]"
LONG_ID = "onboarding__slow_onboarding__email__step_2"


def shown_on(width: int, is_terminal: bool = True) -> Console:
    return Console(file=io.StringIO(), width=width, force_terminal=is_terminal, color_system=None)


def read(screen: Console) -> str:
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[Console]:
    """A terminal of 80 columns, in the place of both consoles."""
    screen = shown_on(80)
    for module in (console, output):
        for name in ("out", "err"):
            monkeypatch.setattr(module, name, screen)
    monkeypatch.setattr(console.note, "__defaults__", (screen,))
    monkeypatch.setattr(console.warning, "__defaults__", (screen,))
    yield screen
    for line in read(screen).splitlines():
        assert len(line) <= 80, line


# -- text is text


def test_nothing_else_makes_a_console_or_reads_markup() -> None:
    """So whatever prints, prints on a console on which text is text."""
    asks = re.compile(
        r"rich\.markup|from_markup|\bRichConsole\(|\bConsole\(|\bProgress\(|\b(?:console|err|out)\.status\(|markup=True|\[/\w*\]|\bprint\("
    )
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in sorted((ROOT / "scripts").rglob("*.py"))
        if path.name != "console.py"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if asks.search(re.sub(r"\b(out|err|self\.console|console|screen)\.print\(", "", line))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("is_terminal", [True, False])
def test_markup_in_a_text_is_shown_as_it_is(is_terminal: bool) -> None:
    screen = shown_on(200, is_terminal)
    screen.print(MARKUP)
    screen.print(console.styled(MARKUP, "red"), MARKUP)
    console.say(screen, console.styled("error", "red"), MARKUP, MARKUP)
    console.note(MARKUP, screen)
    table = console.new_table(MARKUP, numbers=(MARKUP,), title=MARKUP)
    table.add_row(MARKUP, MARKUP)
    screen.print(table)
    with console.working(MARKUP, screen) as update:
        update(MARKUP)
    with console.new_bar(console=screen) as bar:
        bar.add_task(MARKUP, total=2, completed=1)
        bar.refresh()
    said = read(screen)
    # a heading, a title, a cell each; a status only where somebody looks
    assert said.count(MARKUP) >= (12 if is_terminal else 11), said


@given(
    st.text(alphabet="[]/\\:=#@ abred1") | st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")))
)
def test_any_text_is_shown_as_it_is(words: str) -> None:
    screen = shown_on(2000, is_terminal=False)
    screen.print(words)
    assert read(screen) == f"{words}\n"


def test_a_line_of_a_log_is_never_broken() -> None:
    path = "/data/" + "a-long-folder/" * 20
    screen = shown_on(80, is_terminal=False)
    console.say(screen, console.styled("error", "red"), f"{path} is not there.", "name another.")
    assert read(screen) == f"error {path} is not there.\n      name another.\n"


# -- it fits


def campaign(name: str, **more: Any) -> dict[str, Any]:
    return {
        "campaign_id": name,
        "status": "released",
        "candidates": 1_234_567,
        "rows": 123_456,
        "control": 12_345,
        "send": 123_456,
        "top_reasons": [["exception:order_completed", 1_234_567], ["incomplete_personalization", 9]],
        "gate": {"passed": True, "failed": []},
        "accepted": None,
        **more,
    }


def problem(
    what: str, effect: str, table: str, detail: str | None, rows: int, users: int | None
) -> dict[str, Any]:
    return {
        **{"problem": what, "effect": effect, "table_name": table, "detail": detail},
        **{"problem_rows": rows, "problem_users": users},
    }


FAILED = {"expectation": "blank_first_name", "words": "all 43 recipients have first_name", "fix": "see it"}


def test_the_end_of_a_night_has_a_line_a_campaign(screen: Console) -> None:
    held = campaign(
        "win_back__lapsed__email", status="held_back", rows=0, gate={"passed": False, "failed": [FAILED]}
    )
    nobody = campaign("abandoned_cart__loyal__sms", rows=0)
    effect = "no message that is not transactional"
    result = SimpleNamespace(
        run={"as_of": "2026-06-01T00:00:00Z"},
        campaigns=[
            campaign(LONG_ID),
            held,
            nobody,
            campaign("discount__everyone__email", top_reasons=[], rows=0),
        ],
        warnings=["landing zone: " + "a word or two, " * 12],
        input_problems=[
            *(
                problem("unreadable rows", effect, "users", f"bad_updated_at_{number}", 1_000 + number, 900)
                for number in range(output.MOST_PROBLEMS + 2)
            ),
            problem("an unknown zone", "the default time zone", "users", None, 0, None),
        ],
        manifest=Path("/data/lists/2026-06-01/manifest.json"),
        docs=Path("/data/data_docs/2026-06-01/index.html"),
        held_back=["win_back__lapsed__email"],
    )
    output.show_night(result, Path("/data/sendworthy.duckdb"))  # type: ignore[arg-type]
    said = read(screen)
    lines = said.splitlines()
    (line,) = [line for line in lines if LONG_ID in line]
    assert line.split() == [LONG_ID, "1,234,567", "123,456", "12,345"]
    (line,) = [line for line in lines if line.startswith("win_back") and "1,234,567" in line]
    assert "held back" in line
    assert ["4", "campaigns", "4,938,268", "123,456", "49,380"] in [line.split() for line in lines]
    # why nobody gets one, where somebody might
    why = said.partition("nobody gets")[2].partition("note")[0]
    assert "abandoned_cart__loyal__sms  exception:order_completed 1,234,567" in why
    assert "discount" not in why and "win_back" not in why
    assert "blank_first_name: all 43 recipients have first_name" in said
    # what the data lack stands below what follows from it, the most of it first and the rest in one line
    lacks = said.partition("what the data lack")[2].partition("note")[0]
    assert f"unreadable rows: {effect}" in lacks and "an unknown zone: the default time zone" in lacks
    rows = [line.split() for line in lacks.splitlines()]
    assert [row for row in rows if row[:1] == ["users:"]] == [
        ["users:", f"bad_updated_at_{number}", f"{1_000 + number:,}", "900"]
        for number in range(output.MOST_PROBLEMS)
    ]
    assert ["and", "2", "more", "2,009"] in rows and ["users", "0"] in rows
    assert "ops.input_problems has all of it." in lacks
    assert "Data Docs: /data/data_docs/2026-06-01/index.html" in said
    assert "published database: /data/sendworthy.duckdb" in said
    assert "*/" not in said


def test_reasons_stand_behind_the_figures_where_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = shown_on(140)
    monkeypatch.setattr(output, "out", wide)
    output.show_campaigns([campaign(LONG_ID)], "a night")
    (line,) = [line for line in read(wide).splitlines() if LONG_ID in line]
    assert "exception:order_completed 1,234,567" in line


def test_a_decision_stands_above_its_reasons(screen: Console) -> None:
    words = [
        "they, or somebody with their address, do not want messages on the topic offers",
        "it is too late",
    ]
    explained = [
        Explanation(LONG_ID, "x", decision, [], words) for decision in ("suppress", "not a candidate")
    ]
    output.show_explained(MARKUP, datetime(2026, 6, 1), explained)
    lines = read(screen).splitlines()
    assert sum(LONG_ID in line for line in lines) == 2 and MARKUP in lines[0]
    assert not [line for line in lines if LONG_ID in line and "too late" in line]


def test_coverage_verification_and_what_was_taken_back_fit(screen: Console) -> None:
    fields = [
        FieldCoverage("personalized", "last_viewed_product_name", True, 1_234_567, 123_456, 12, 12_345, 0.1)
    ]
    lifts = [Lift(["last_viewed_product_name", "favorite_category"], 123_456, 12)]
    output.show_coverage(datetime(2026, 6, 1), [Coverage(LONG_ID, "x", 1_234_567, fields, lifts)])
    finding = Finding(f"braze_cloud_data_ingestion/changes/{LONG_ID}.jsonl", "its content has changed")
    check = Check(
        "destinations",
        "every destination gets the same messages",
        "failed",
        [finding] * 20,
        "do not send it.",
    )
    output.show_verified(Verified(Path("/data/lists/2026-06-01"), datetime(2026, 6, 1), "r", [check]))
    taken = SimpleNamespace(
        warnings=[],
        people=1,
        as_of=datetime(2026, 6, 1),
        now=datetime(2026, 6, 1, 5),
        campaigns=[
            {"campaign_id": LONG_ID, "cancelled": 123_456, "reasons": {"exception:order_completed": 123_456}}
        ],
        before=0,
        cancelled=1,
        manifest=Path("/data/x"),
        unreadable=[],
    )
    output.show_taken_back(taken)  # type: ignore[arg-type]
    said = read(screen)
    assert "last_viewed_product_name *" in said and "8 more; --json names them all" in said
    assert "exception:order_completed" in said


@given(st.integers(1, 120), st.integers(1, 60), st.integers(70, 200))
def test_a_group_s_name_may_be_as_long_as_it_likes(name: int, label: int, width: int) -> None:
    screen = shown_on(width)
    row = ("y" * label, "1,234,567", "10.0%", "123,456")
    console.print_groups(screen, ("label", "people", "share", "place-\nholder"), [("x" * name, [row, row])])
    said = read(screen)
    assert said.count("x") == name and said.count("1,234,567") == 2
    assert said.count("y") == 2 * label and all(len(line) <= width for line in said.splitlines())


@given(st.integers(min_value=1, max_value=120), st.integers(min_value=60, max_value=200))
def test_whatever_a_campaign_is_called_its_figures_stay_whole(length: int, width: int) -> None:
    screen = shown_on(width)
    table = console.new_table("campaign", numbers=("candidates", "send", "control"))
    table.add_row("x" * length, "1,234,567", "123,456", "12,345")
    screen.print(table)
    said = read(screen)
    assert all(figure in said for figure in ("1,234,567", "123,456", "12,345"))
    assert said.count("x") == length and all(len(line) <= width for line in said.splitlines())


# -- whole commands


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A copy of the project in a folder whose name is markup, after one night."""
    place = Place(copy_project(tmp_path_factory.mktemp("project") / "[red]a[/red] [b]"))
    result = place.night(FIRST)
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"published database: {place.database}\n" in result.stdout
    assert f"Data Docs: {place.root / 'data_docs' / FIRST / 'index.html'}\n" in result.stdout
    # in a pipe too, and the figures of each campaign in one line
    table = result.stdout.partition("lists and manifest")[0].splitlines()
    assert max(map(len, table)) <= 80 and sum("__" in line for line in table) >= 27
    return place


def test_paths_are_printed_as_they_are(place: Place, tmp_path: Path) -> None:
    strange = tmp_path / "[bold]x[/bold] [/] [1]"
    strange.mkdir(parents=True)
    user = place.query("select min(user_id) from marts.send_list")[0][0]
    new = f"{strange}/new"
    calls: list[tuple[list[object], int, str]] = [
        (["nightly", "--raw", new], 2, f"the landing zone {new} is no folder"),
        (["nightly", "--out", place.root / "profiles.yml"], 2, str(place.root / "profiles.yml")),
        (["export", "--allow-stale", "--out", new], 0, f"{new}/{FIRST}/manifest.json"),
        (["verify", place.root / "out", "--now", f"{FIRST} 04:00"], 0, f"lists: {place.root}/out/{FIRST}"),
        (["verify", new + "?"], 2, f"there is no folder {new}?"),
        (["explain", "[/] nobody"], 2, "no such user"),
        (["explain", user, "[/] none"], 2, "[/] none"),
        (["explain", user, "--db", f"{new}.db"], 2, f"there is no published file {new}.db"),
        (["preview", "welcome__new__email", "--output", f"{new}.html"], 0, f"The page: {new}.html"),
        (["sample", "--users", "5", "--days", "3", "--out", f"{new}-zone"], 0, f"{new}-zone"),
        (["ingest", f"{new}.json", "--from", "braze", "--raw", strange], 2, f"there is no file {new}.json"),
        (["push", "--destination", "[/]"], 2, "'[/]'"),
        (["compile", "--project-dir", strange], 2, f"{strange} is not a Sendworthy project"),
        (["retention", "--db", f"{new}.duckdb"], 2, f"{new}.duckdb"),
    ]
    for call, code, words in calls:
        ended = sendworthy(*call, cwd=place.root)
        said = ended.stdout + ended.stderr
        assert ended.returncode == code and words in said and "Traceback" not in said, (call, said)


def test_errors_in_files_are_printed_as_they_are(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")
    template = next((project / "campaigns").glob("*/default.liquid"))
    template.write_text(
        template.read_text(encoding="utf-8") + "{{ [/]x[red] }}{% nonsense [/] %}", encoding="utf-8"
    )
    ended = sendworthy("compile", cwd=project)
    assert ended.returncode == 2 and "Traceback" not in ended.stderr
    shutil.rmtree(project)
