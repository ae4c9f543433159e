"""`python -m benchmarks`: measure nights beside other ways to the same lists."""

from __future__ import annotations

import fcntl
import os
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.case import ROOT, Case
from benchmarks.contenders import Contender, contenders
from benchmarks.errors import BadChoice, BenchmarkError
from benchmarks.machine import describe_machine, describe_versions, load
from benchmarks.measure import measure
from benchmarks.projects import more_campaigns
from benchmarks.report import (
    COST_HEADS,
    GROWTH_HEADS,
    PROMISE_HEADS,
    costs,
    growth_rows,
    keep_growth,
    keep_night,
    promises,
)
from benchmarks.worlds import World, make_world

# (what grows, times users, times days, times campaigns); the first of each is the same world
STEPS = {
    "users x1": (1, 1, 1),
    "users x2": (2, 1, 1),
    "users x4": (4, 1, 1),
    "history x2": (1, 2, 1),
    "campaigns x4": (1, 1, 4),
}
GROWING = ("night", "second", "floor")

console = Console(stderr=True)
app = typer.Typer(add_completion=False)


@app.command()
def bench(
    users: Annotated[int, typer.Option(min=1, help="How many people.")] = 20_000,
    days: Annotated[int, typer.Option(min=1, help="How many days of history.")] = 365,
    seed: Annotated[int, typer.Option(help="The same seed gives the same data.")] = 7,
    repeat: Annotated[int, typer.Option(min=1, help="How often each contender runs.")] = 5,
    only: Annotated[
        str | None,
        typer.Option(help=f"Who takes part, separated by commas. Known: {', '.join(contenders())}."),
    ] = None,
    growth: Annotated[
        bool, typer.Option("--growth", help="Measure steps of users, history and campaigns instead.")
    ] = False,
    work: Annotated[
        Path | None, typer.Option(help="Where data and runs lie. Default: .sendworthy/bench in the project.")
    ] = None,
    results: Annotated[
        Path | None, typer.Option(help="Where RESULTS.md and results.json go. Default: benchmarks/.")
    ] = None,
) -> None:
    """Measure whole nights, and other programs that make the same lists."""
    folder = (work or ROOT / ".sendworthy" / "bench").expanduser().resolve()
    kept = (results or ROOT / "benchmarks").expanduser().resolve()
    world = World(users, days, seed)
    try:
        take(folder)
        chosen = choose(only or (",".join(GROWING) if growth else None))
        about = {
            "machine": describe_machine(),
            "versions": describe_versions(),
            "repeat": repeat,
            "measured_on": f"{datetime.now(timezone.utc):%Y-%m-%d}",
            "load_before": load(),
        }
        if growth:
            measured = {**about, "steps": grow(world, folder, chosen, repeat)}
            page = keep_growth(kept, measured)
            show(GROWTH_HEADS, growth_rows(measured))
            held = promises([], measured)
        else:
            measured = {**about, **one_case(world, 1, folder, chosen, repeat)}
            page = keep_night(kept, measured)
            show(COST_HEADS, costs(measured))
            held = promises([measured])
    except BenchmarkError as error:
        console.print(f"error: {error}", style="bold red", markup=False, highlight=False)
        raise typer.Exit(error.exit_code) from None
    show(PROMISE_HEADS, held)
    print(page)


def take(folder: Path) -> None:
    """Have the folder of data and runs for this process alone, until it ends; BenchmarkError where another one has it."""
    folder.mkdir(parents=True, exist_ok=True)
    # the descriptor stays open, and the lock with it
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BenchmarkError(
            f"another benchmark is at work in {folder}: wait for it, or name another folder with --work."
        ) from None


def choose(names: str | None) -> list[Contender]:
    """The named contenders, or all that can take part; BenchmarkError where a named one cannot."""
    known = contenders()
    found = []
    for name in names.split(",") if names else known:
        contender = known.get(name.strip())
        if contender is None:
            raise BadChoice(f"--only: there is no contender {name!r}; known are {', '.join(known)}.")
        lacking = contender.lacks()
        if lacking and names:
            raise BadChoice(f"--only: {name} cannot take part; what is missing: {lacking}.")
        if lacking:
            console.print(f"{name} is left out; what is missing: {lacking}.")
        else:
            found.append(contender)
    return found


def one_case(
    world: World, campaigns: int, folder: Path, chosen: list[Contender], repeat: int
) -> dict[str, Any]:
    """Measure one world with so many times the campaigns."""
    with console.status("") as status:

        def say(words: str) -> None:
            status.update(words)
            if not console.is_terminal:
                console.print(words)

        say(f"making {world.name}")
        zones = make_world(world, folder / "worlds")
        plain = Case(world.name, zones, ROOT, folder)
        project = more_campaigns(ROOT, campaigns, folder / "projects", plain.environment())
        case = Case(f"{world.name}-campaigns-x{campaigns}", zones, project, folder)
        found = measure(case, chosen, repeat, say)
    return {**found, "world": {"users": world.users, "days": world.days, "seed": world.seed}}


def grow(world: World, folder: Path, chosen: list[Contender], repeat: int) -> dict[str, Any]:
    """Measure every step; where nothing has grown yet, all kinds share one."""
    steps: dict[str, Any] = {}
    for name, (users, days, campaigns) in STEPS.items():
        console.print(f"growth: {name}")
        larger = World(world.users * users, world.days * days, world.seed)
        steps[name] = one_case(larger, campaigns, folder, chosen, repeat)
        if name == "users x1":
            steps |= {"history x1": steps[name], "campaigns x1": steps[name]}
    kinds = list(dict.fromkeys(name.partition(" x")[0] for name in STEPS))
    return {name: steps[name] for kind in kinds for name in sorted(steps) if name.startswith(kind)}


def show(heads: tuple[str, ...], rows: list[Any]) -> None:
    """Print a table, where there is anything in it."""
    if not rows:
        return
    found = Table(*heads)
    for row in rows:
        found.add_row(*row)
    # a file has no width of its own
    Console(width=None if console.is_terminal else 160).print(found)


if __name__ == "__main__":
    app()
