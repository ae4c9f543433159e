"""Write the parts of README.md and docs/ that come from the program: help texts, outputs of the sample's night, its picture.

`make pages` runs it after a night of the sample. A part stands between `<!-- generated: NAME -->` and `<!-- end -->`; in
the pages `QUERIED` it is what follows each query. Tests compare the committed pages with what this writes.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import typer
from sendworthy.cli import output
from sendworthy.cli.main import app
from sendworthy.foundation.clock import utc_now
from sendworthy.foundation.console import out
from sendworthy.foundation.project import Project
from sendworthy.inspect.experiments import list_experiments
from sendworthy.inspect.explain import explain

ROOT = Path(__file__).resolve().parents[1]
WIDTH = 80
PART = re.compile(r"(?<=<!-- generated: )(?P<name>[a-z-]+) -->\n(?P<text>.*?)(?=<!-- end -->)", re.DOTALL)
QUERY = re.compile(r"(?P<before>```sql\n(?P<sql>[^`]+)```\n\n)(?P<output>(?: {4}.*\n)+)")

# what the README shows of the sample's night
CAMPAIGNS = (
    "abandoned_cart__cart_item_added__email",
    "confirmation__order_completed__email",
    "discount__casual__sms",
    "discount__interested_not_bought__push",
    "newsletter__active__email",
    "rating_request__order_completed__email",
    "reward_reminder__engaged__email",
    "welcome__new__email",
    "win_back__lapsed__email",
)
PROBLEMS = 10
# pages in which each query is followed by what it gives
QUERIED = ("query-the-result.md", "languages.md")
PERSON = "u000051"
EXPLAINED = {
    "explain-short": (
        "discount__interested_not_bought__push",
        "welcome__new__email",
        "welcome__recently_installed__push",
        "win_back__lapsed__email",
    ),
    "explain-long": (
        "discount__casual__sms",
        "discount__interested_not_bought__email",
        "discount__interested_not_bought__push",
        "onboarding__slow_onboarding__push__step_3",
        "welcome__new__email",
    ),
}

# the steps of marts.suppression_funnel, as the picture puts them together and words them
STOPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("their data cannot be read", ("readable",)),
    ("no address that works", ("address", "deliverability")),
    ("no consent, or unknown", ("consent", "suppression")),
    ("open complaint, refund, ...", ("exclusion",)),
    ("has bought meanwhile, ...", ("exception",)),
    ("too early, or too late", ("timing",)),
    ("had this one lately", ("cooldown",)),
    ("a merge field would be blank", ("personalization",)),
    ("set apart to measure", ("experiment", "control")),
    ("too many, or the same twice", ("arbitration",)),
)


def block(text: str) -> str:
    """A text as a code block of Markdown, with empty lines around it."""
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return "\n" + textwrap.indent(lines.strip("\n"), "    ") + "\n\n"


def captured(show: Callable[[], None]) -> str:
    """What a part of the command line prints, 80 columns wide."""
    before, out.width = out.width, WIDTH
    try:
        with out.capture() as capture:
            show()
    finally:
        out.width = before
    return capture.get()


# what needs no night


def commands() -> Iterator[tuple[str, typer.core.TyperCommand | typer.core.TyperGroup]]:
    """The commands, in the order in which --help shows them."""
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    for name, command in group.commands.items():
        assert isinstance(command, (typer.core.TyperCommand, typer.core.TyperGroup))
        yield name, command


def list_of_commands() -> str:
    """Each command and the first sentence of its help."""
    lines = [
        textwrap.fill(
            command.get_short_help_str(limit=1000),
            WIDTH,
            initial_indent=f"{name:<15}",
            subsequent_indent=" " * 15,
            break_on_hyphens=False,
        )
        for name, command in commands()
    ]
    return block("\n".join(lines))


def help_of_commands() -> str:
    """The whole --help of each command, a section each."""
    sections = []
    for name, command in commands():
        parts = [help_of(f"sendworthy {name}", command)]
        if isinstance(command, typer.core.TyperGroup):
            parts += [help_of(f"sendworthy {name} {sub}", below) for sub, below in command.commands.items()]
        sections.append(f"\n## {name}\n" + "".join(map(block, parts)).rstrip("\n") + "\n")
    return "".join(sections) + "\n"


def help_of(name: str, command: Any) -> str:
    """What `--help` of one command prints."""
    with command.context_class(
        command, info_name=name, terminal_width=WIDTH, max_content_width=WIDTH
    ) as context:
        text: str = command.get_help(context)
    return text


# what a night of the sample gives


def night(manifest: Mapping[str, Any]) -> str:
    """The table at the end of a night, with some of its campaigns."""
    title = f"night of {manifest['as_of']}"
    lines = captured(lambda: output.show_campaigns(manifest["campaigns"], title)).splitlines()
    end = next(place for place, line in enumerate(lines) if re.match(r"\d+ campaigns ", line))
    names = {campaign["campaign_id"] for campaign in manifest["campaigns"]} - {*CAMPAIGNS}
    shown = (line for line in lines[: end + 1] if line.split(" ")[0] not in names)
    return block("\n".join(shown))


def problems(database: Path) -> str:
    """The first lines of what the data lack."""
    with duckdb.connect(str(database), read_only=True) as connection:
        found = connection.sql("from ops.input_problems order by place")
        rows = [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]
    text = captured(lambda: output.show_input_problems(rows))
    return block("\n".join([*text.splitlines()[:PROBLEMS], "  ..."]))


def explained(database: Path, campaigns: Sequence[str]) -> str:
    """What `sendworthy explain` says of one person, for some campaigns."""
    as_of, found = explain(database, PERSON, None, None)
    chosen = [item for item in found if item.campaign_id in campaigns]
    assert len(chosen) == len(campaigns)
    return block(captured(lambda: output.show_explained(PERSON, as_of, chosen)))


def experiments(root: Path, database: Path) -> str:
    """What `sendworthy experiments` says of those that have a calendar."""
    calendar = list_experiments(Project(root), database, utc_now())
    planned = [item for item in calendar.experiments if item.experiment.planned_end]
    return block(captured(lambda: output.show_experiments(replace(calendar, experiments=planned))))


def queried(database: Path, sql: str) -> str:
    """What a query gives: names above, figures to the right."""
    with duckdb.connect(str(database), read_only=True) as connection:
        found = connection.sql(sql)
        rows = [[cell(value) for value in row] for row in found.fetchall()]
        kinds = [str(kind) for kind in found.types]
    is_figure = [bool(re.match(r"(HUGEINT|U?(BIG|SMALL|TINY)?INT|DOUBLE|DECIMAL)", kind)) for kind in kinds]
    table = [found.columns, *rows]
    widths = [max(len(row[place]) for row in table) for place in range(len(found.columns))]
    lines = (
        "  ".join(
            value.rjust(width) if right else value.ljust(width)
            for value, width, right in zip(row, widths, is_figure, strict=True)
        )
        for row in table
    )
    return textwrap.indent("\n".join(line.rstrip() for line in lines), "    ") + "\n"


def cell(value: object) -> str:
    """A value as people write it."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(cell, value))}]"
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


# the picture


def picture(database: Path) -> str:
    """The night as a drawing: what comes in, what stops it, what goes out. An SVG that follows the reader's light or dark."""
    with duckdb.connect(str(database), read_only=True) as connection:
        by_step: dict[str, int] = dict(
            connection.execute(
                "select step, sum(users)::bigint from marts.suppression_funnel group by step"
            ).fetchall()
        )
        (lists,) = connection.execute(
            "select count(distinct campaign_id) from settings.campaigns"
        ).fetchall()[0]
    candidates, sent = by_step.pop("candidates"), by_step.pop("send")
    counts = [(words, sum(by_step.pop(step, 0) for step in steps)) for words, steps in STOPS]
    assert not by_step, f"steps that the picture lacks: {sorted(by_step)}"
    assert candidates - sum(count for _, count in counts) == sent
    stops = [(words, count) for words, count in counts if count]
    return drawing(candidates, stops, sent, lists)


def drawing(candidates: int, stops: Sequence[tuple[str, int]], sent: int, lists: int) -> str:
    """The SVG of these figures."""
    width, middle, widest, row = 530, 92, 144, 40
    parts: list[str] = []

    def text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> None:
        parts.append(f'<text x="{x:g}" y="{y:g}" class="{kind}" text-anchor="{anchor}">{words}</text>')

    def box(x: float, y: float, w: float, h: float, kind: str) -> None:
        parts.append(f'<rect x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}" rx="8" class="{kind}"/>')

    def arrow(x: float, y: float, length: float = 22) -> None:
        tip = y + length
        parts.append(f'<path d="M{x:g} {y:g}V{tip - 6:g}" class="line"/>')
        parts.append(f'<path d="M{x - 6:g} {tip - 8:g}L{x:g} {tip:g}L{x + 6:g} {tip - 8:g}Z" class="tip"/>')

    box(20, 20, width - 40, 66, "place")
    text(width / 2, 47, "your files", "strong", "middle")
    text(width / 2, 72, "users, events, tickets, what the ESP reports", "quiet", "middle")
    arrow(middle, 88)
    y = 116.0
    box(middle - widest / 2, y, widest, row - 4, "flow")
    text(middle, y + 24, f"{candidates:,}", "inside", "middle")
    text(180, y + 24, "messages that might go out", "strong")
    y += row
    left = candidates
    for words, count in stops:
        before, left = left, left - count
        above, below = (widest * share / candidates / 2 for share in (before, left))
        corners = f"{middle - above:g},{y} {middle + above:g},{y} {middle + below:g},{y + row - 4} {middle - below:g},{y + row - 4}"
        parts.append(f'<polygon points="{corners}" class="flow"/>')
        text(234, y + 24, f"&#8722;{count:,}", "stop", "end")
        text(245, y + 24, words)
        y += row
    half = widest * left / candidates / 2
    box(middle - half, y, 2 * half, row - 4, "good")
    text(middle + half + 12, y + 24, f"{sent:,}", "sent")
    text(180, y + 24, "messages that may go out", "strong")
    y += row
    arrow(middle, y - 2)
    y += 24
    box(20, y, width - 40, 66, "place")
    text(width / 2, y + 27, "audit: each list is checked again", "strong", "middle")
    text(width / 2, y + 52, "one that fails stays behind, the others go", "quiet", "middle")
    y += 66
    third = (width - 40 - 24) / 3
    results = (
        (f"{lists} lists", "for your ESP"),
        ("every reason", "in one database"),
        ("a report", "of the audit"),
    )
    for place, (head, words) in enumerate(results):
        x = 20 + place * (third + 12)
        arrow(x + third / 2, y + 2)
        box(x, y + 28, third, 66, "result")
        text(x + third / 2, y + 55, head, "strong", "middle")
        text(x + third / 2, y + 80, words, "quiet", "middle")
    height = y + 28 + 66 + 20
    stopped = "; ".join(f"{count:,} {words.replace('...', 'and the like')}" for words, count in stops)
    return SVG.format(
        width=width,
        height=f"{height:g}",
        card=f"{height - 1:g}",
        description=f"Of {candidates:,} messages that might go out, the night stops these: {stopped}. {sent:,} are left. "
        f"An audit checks each list again. Out come {lists} lists for the ESP, a database with every reason, and a report.",
        parts="\n".join(parts),
    )


SVG = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">
<title>A night of the sample</title>
<desc>{description}</desc>
<style>
text {{ font: 17px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; fill: #1f2328; }}
.card {{ fill: #ffffff; stroke: #d1d9e0; }}
.place {{ fill: #f6f8fa; stroke: #d1d9e0; }}
.result {{ fill: #dafbe1; stroke: #4ac26b; }}
.flow {{ fill: #0969da; }}
.good {{ fill: #1a7f37; }}
.line {{ stroke: #59636e; stroke-width: 2; }}
.tip {{ fill: #59636e; }}
.strong, .sent, .stop, .inside {{ font-weight: 600; }}
.quiet {{ fill: #59636e; }}
.stop {{ fill: #cf222e; }}
.sent {{ fill: #1a7f37; }}
.inside {{ fill: #ffffff; }}
@media (prefers-color-scheme: dark) {{
text {{ fill: #f0f6fc; }}
.card {{ fill: #0d1117; stroke: #3d444d; }}
.place {{ fill: #151b23; stroke: #3d444d; }}
.result {{ fill: #12261e; stroke: #238636; }}
.flow {{ fill: #1f6feb; }}
.good {{ fill: #3fb950; }}
.line {{ stroke: #9198a1; }}
.tip {{ fill: #9198a1; }}
.quiet {{ fill: #9198a1; }}
.stop {{ fill: #ff7b72; }}
.sent {{ fill: #3fb950; }}
}}
</style>
<rect x="0.5" y="0.5" width="529" height="{card}" rx="12" class="card"/>
{parts}
</svg>
"""


# pages


def with_parts(page: str, parts: Mapping[str, str]) -> str:
    """A page with the parts that are given written anew; others stay."""
    return PART.sub(lambda found: f"{found['name']} -->\n{parts.get(found['name'], found['text'])}", page)


def with_outputs(page: str, database: Path) -> str:
    """A page with what each of its queries gives behind it."""
    return QUERY.sub(lambda found: found["before"] + queried(database, found["sql"]), page)


def help_parts() -> dict[str, str]:
    """The parts that need no night."""
    return {"commands": list_of_commands(), "help": help_of_commands()}


def pages_of(root: Path, database: Path, manifest: Path) -> dict[Path, str]:
    """Every page with generated parts, and the picture, as they should be after a night of the sample."""
    parts = help_parts() | {
        "night": night(json.loads(manifest.read_text(encoding="utf-8"))),
        "problems": problems(database),
        "experiments": experiments(root, database),
        **{name: explained(database, campaigns) for name, campaigns in EXPLAINED.items()},
    }
    pages = {path: path.read_text(encoding="utf-8") for path in (root / "README.md", *root.glob("docs/*.md"))}
    pages = {path: with_parts(page, parts) for path, page in pages.items() if PART.search(page)}
    for name in QUERIED:
        query = root / "docs" / name
        pages[query] = with_outputs(query.read_text(encoding="utf-8"), database)
    pages[root / "docs" / "images" / "a-night.svg"] = picture(database)
    return pages


def main() -> None:
    """Write what a night of the sample in this folder says."""
    manifests = sorted((ROOT / "out").glob("*/manifest.json"))
    for path, page in pages_of(ROOT, ROOT / "sendworthy.duckdb", manifests[-1]).items():
        if not path.exists() or path.read_text(encoding="utf-8") != page:
            path.parent.mkdir(exist_ok=True)
            path.write_text(page, encoding="utf-8")
            print(f"written: {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
