"""RESULTS.md, written from results.json."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.figures import Spread, ratio, spread
from benchmarks.measure import SLOWEST

RAW, PAGE = "results.json", "RESULTS.md"


def keep_night(folder: Path, measured: Mapping[str, Any]) -> Path:
    """Put what was measured of a night beside those of other worlds, in the place of its own; returns the path of RESULTS.md."""
    parts = _read(folder)
    nights = {**parts.get("nights", {}), name_of(measured): measured}
    largest_first = sorted(nights, key=lambda name: (-nights[name]["world"]["users"], name))
    return _write(folder, {**parts, "nights": {name: nights[name] for name in largest_first}})


def keep_growth(folder: Path, measured: Mapping[str, Any]) -> Path:
    """Put what was measured of growth in the place of what was there; returns the path of RESULTS.md."""
    return _write(folder, {**_read(folder), "growth": measured})


def name_of(measured: Mapping[str, Any]) -> str:
    """What the world of a night is called."""
    return f"{measured['world']['users']:,} people, {measured['world']['days']} days"


def _read(folder: Path) -> dict[str, Any]:
    raw = folder / RAW
    return dict(json.loads(raw.read_text(encoding="utf-8"))) if raw.is_file() else {}


def _write(folder: Path, parts: Mapping[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RAW).write_text(json.dumps(parts, indent=1) + "\n", encoding="utf-8")
    page = folder / PAGE
    page.write_text(render(parts), encoding="utf-8")
    return page


def render(parts: Mapping[str, Any]) -> str:
    """The page."""
    blocks = [
        "# Results\n\nWritten by `make bench`; [README.md](README.md) says what is measured and what is unfair to whom. Every single run "
        f"is in [{RAW}]({RAW}). Seconds are medians, with the least and the largest beside them; the peak is that of the largest process."
    ]
    if held := promises(parts.get("nights", {}).values(), parts.get("growth")):
        blocks.append("## Compared with what was promised\n\n" + table(PROMISE_HEADS, held))
    for measured in parts.get("nights", {}).values():
        blocks += _night(measured)
    if "growth" in parts:
        blocks += _growth(parts["growth"])
    return "\n\n".join(wrapped(paragraph) for block in blocks for paragraph in block.split("\n\n")) + "\n"


def wrapped(paragraph: str) -> str:
    """A paragraph in lines that fit beside code; headings, tables and lists stay as they are."""
    if paragraph.startswith(("#", "|", "- ")):
        return paragraph
    return textwrap.fill(paragraph, 118, break_long_words=False, break_on_hyphens=False)


def walls(measured: Mapping[str, Any], name: str) -> Spread | None:
    """The seconds of a contender; None where it did not take part."""
    runs = measured["runs"].get(name)
    return spread([run["wall_s"] for run in runs]) if runs else None


def costs(measured: Mapping[str, Any]) -> list[tuple[str, str, str, str, str, str]]:
    """A row a contender: title, seconds, spread, seconds of processors, peak, and how many times the floor."""
    base = walls(measured, "floor")
    rows = []
    for name, runs in measured["runs"].items():
        wall = spread([run["wall_s"] for run in runs])
        times = ratio(wall.median, base.median) if base else None
        rows.append(
            (
                f"`{name}`: {measured['titles'][name]}",
                f"{wall.median:.2f}",
                f"{wall.least:.2f} to {wall.largest:.2f}",
                f"{spread([run['cpu_s'] for run in runs]).median:.2f}",
                f"{spread([run['peak_mb'] for run in runs]).median:,.0f} MB",
                f"{times:.2f}" if times is not None else "",
            )
        )
    return rows


COST_HEADS = ("", "seconds", "spread", "CPU seconds", "peak", "x floor")


PROMISE_HEADS = ("promise", "measured", "of", "")


def promises(
    nights: Iterable[Mapping[str, Any]], growth: Mapping[str, Any] | None = None
) -> list[tuple[str, str, str, str]]:
    """What was promised, what was measured, of which world, and whether it holds; what was not measured is not there.

    A row for each promise and world. Of the two names, the first is compared with the second.
    """
    found = []
    for night in nights:
        anew = "second_full" if "second_full" in night["runs"] else "night"
        found += [
            _promise(night, "a whole night takes at most 1.3 times the floor", "night", "floor", 1.3),
            _promise(night, "the next night takes at most a sixth of a full one", "second", anew, 1 / 6),
            _promise(night, "the SQL of the lists takes less than Polars", "lists", "polars", 1.0),
            _promise(night, "the SQL of the lists takes less than pandas", "lists", "pandas", 1.0),
        ]
    if growth:
        steps = growth["steps"]
        if "history x1" in steps and "history x2" in steps:
            before, after = (walls(steps[name], "second") for name in ("history x1", "history x2"))
            if before and after:
                times = after.median / before.median
                found.append(
                    (
                        "with twice the history, the next night takes at most 1.1 times as long",
                        f"{times:.2f} times",
                        name_of(steps["history x1"]),
                        _verdict(times <= 1.1),
                    )
                )
    # those of one promise together
    held = [promise for promise in found if promise]
    words = list(dict.fromkeys(promise[0] for promise in held))
    return sorted(held, key=lambda promise: words.index(promise[0]))


def _promise(
    measured: Mapping[str, Any], words: str, name: str, base: str, most: float
) -> tuple[str, str, str, str] | None:
    one, other = walls(measured, name), walls(measured, base)
    if not one or not other:
        return None
    times = one.median / other.median
    return words, f"{times:.2f} times (`{name}` / `{base}`)", name_of(measured), _verdict(times <= most)


def _verdict(holds: bool) -> str:
    return "holds" if holds else "**does not hold**"


def _night(measured: Mapping[str, Any]) -> list[str]:
    rows = sum(measured["rows"].values())
    decided = ""
    if measured["deciding"]:
        deciding = spread(measured["deciding"])
        decided = (
            f"Deciding (candidates, gates, variants, arbitration, with all reasons: the models `int_campaigns__*`, `campaign_decisions`, "
            f"`send_list`) is {deciding.median:.2f} of these seconds ({deciding.least:.2f} to {deciding.largest:.2f}) in DuckDB, for "
            f"{measured['decisions']:,} decisions: {deciding.median / max(measured['decisions'], 1) * 1e6:.2f} seconds a million."
        )
    compared = [
        f"`{name}`: " + ", ".join(f"{rows:,} {what}" for what, rows in sizes.items())
        for name, sizes in measured["compared"].items()
    ]
    blocks = [
        f"## One night of {name_of(measured)}\n\n{describe(measured)}\n\n"
        f"{rows:,} rows ("
        + ", ".join(f"{count:,} {name}" for name, count in measured["rows"].items())
        + f"), {measured['campaigns']} campaigns, {measured['decisions']:,} decisions, {measured['messages']:,} messages. Campaigns that were held back: "
        + ", ".join(f"{count} in the {night} night" for night, count in measured["held_back"].items())
        + ".",
        table(COST_HEADS, costs(measured)),
        *([decided] if decided else []),
        "Compared before, and the same as the night's, rows (lines of files):\n\n"
        + "\n".join(f"- {line}" for line in compared),
    ]
    if measured["stages"]:
        blocks.append(
            "Where the seconds of a night go, by its own count; the rest is starting and ending the process:\n\n"
            + table(("", "stage", "seconds"), stage_rows(measured["stages"]))
        )
    if measured["statements"]:
        blocks.append(
            f"The {SLOWEST} slowest models of the floor:\n\n"
            + table(("model", "seconds", "share"), slowest(measured["statements"]))
        )
    return blocks


def slowest(statements: Sequence[Mapping[str, float]]) -> list[tuple[str, str, str]]:
    """The models that take the most, by the median of the runs, with their share of all."""
    names = {name for run in statements for name in run}
    medians = {name: spread([run.get(name, 0.0) for run in statements]).median for name in names}
    whole = sum(medians.values())
    first = sorted(medians.items(), key=lambda item: (-item[1], item[0]))[:SLOWEST]
    return [(name, f"{seconds:.2f}", f"{seconds / whole:.0%}") for name, seconds in first]


def stage_rows(stages: Mapping[str, Sequence[Mapping[str, float]]]) -> list[tuple[str, str, str]]:
    """A row a contender and stage, with the median of its seconds."""
    return [
        (f"`{name}`", stage, f"{spread([run.get(stage, 0.0) for run in runs]).median:.1f}")
        for name, runs in stages.items()
        for stage in runs[0]
    ]


def _growth(measured: Mapping[str, Any]) -> list[str]:
    return [f"## Growth\n\n{describe(measured)}", table(GROWTH_HEADS, growth_rows(measured))]


GROWTH_HEADS = (
    "",
    "people",
    "days",
    "campaigns",
    "",
    "seconds",
    "spread",
    "x first step",
    "peak",
    "x first step",
    "x floor",
)


def growth_rows(measured: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A row a step and contender, with its ratios to the first step of its kind and to the floor of its own."""
    rows: list[tuple[str, ...]] = []
    for step, found in measured["steps"].items():
        first = measured["steps"][f"{step.partition(' x')[0]} x1"]
        base = walls(found, "floor")
        for name, runs in found["runs"].items():
            wall = spread([run["wall_s"] for run in runs])
            peak = spread([run["peak_mb"] for run in runs]).median
            one = spread([run["wall_s"] for run in first["runs"][name]]).median
            one_peak = spread([run["peak_mb"] for run in first["runs"][name]]).median
            rows.append(
                (
                    step,
                    f"{found['world']['users']:,}",
                    str(found["world"]["days"]),
                    str(found["campaigns"]),
                    f"`{name}`",
                    f"{wall.median:.2f}",
                    f"{wall.least:.2f} to {wall.largest:.2f}",
                    f"{wall.median / one:.2f}",
                    f"{peak:,.0f} MB",
                    f"{peak / one_peak:.2f}",
                    f"{wall.median / base.median:.2f}" if base else "",
                )
            )
    return rows


def describe(measured: Mapping[str, Any]) -> str:
    """What it was measured on, in a paragraph."""
    machine = measured["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in measured["versions"].items())
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory']}, {machine['system']}; {versions}. "
        f"Medians of {measured['repeat']}, contenders in turn, on {measured['measured_on']}; load before: {measured['load_before']}."
    )


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])
