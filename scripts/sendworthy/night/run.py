"""One night, from the landing zone to the lists: build, audit, export, publish."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb

from sendworthy.audit.alerts import (
    Channels,
    Told,
    alerts_of,
    check_channels,
    read_channels,
    send_alerts,
)
from sendworthy.audit.gate import GateResult, judge_lists, load_suites
from sendworthy.audit.limits import check_window, judge_limits, read_landed, read_window
from sendworthy.audit.overrides import Acceptance, hold_back
from sendworthy.audit.render_check import load_messages
from sendworthy.build.dbt_runner import run_dbt
from sendworthy.build.engines import Engine, choose_engine
from sendworthy.campaigns.compiler import check_fresh
from sendworthy.delivery.deltas import tell, work_out_again
from sendworthy.delivery.export import list_changes, write_aside
from sendworthy.delivery.manifest import UnknownForm, read_manifest
from sendworthy.delivery.staging_folder import (
    MANIFEST,
    night_folder,
    only_writer,
    promote,
    unfinished,
)
from sendworthy.foundation import interrupts, night_folders
from sendworthy.foundation.clock import iso, parse_time, utc_now
from sendworthy.foundation.errors import EXIT_HELD_BACK, EXIT_OK, BuildError, Interrupted, SettingsError
from sendworthy.foundation.interrupts import is_interrupt
from sendworthy.foundation.progress import Stages
from sendworthy.foundation.project import Project
from sendworthy.landing.drop_cache import (
    History,
    Past,
    check_history_settings,
    forget_erased,
    forget_other_engines,
)
from sendworthy.landing.file_checks import as_setting, find_damaged, find_faults
from sendworthy.landing.replay import find_replay, read_cancelled_until, read_landed_until
from sendworthy.privacy.erasure import Erased, erase, read_key
from sendworthy.privacy.rewrite_lists import Since, forget
from sendworthy.settings.destinations import (
    Destination,
    as_form,
    load_destinations,
    refuse_foreign,
    refuse_to_lose,
    with_others,
)
from sendworthy.settings.seed_files import validate_settings
from sendworthy.warehouse import database as warehouse
from sendworthy.warehouse.failure_causes import UNNAMED_FILE, find_fix, words_of
from sendworthy.warehouse.personal_files import empty_lake, remove_previews
from sendworthy.warehouse.resource_failures import (
    machine_failures,
    places_of,
    refuse_earlier_clock,
    refuse_future,
)

STALE_AFTER = timedelta(hours=36)


@dataclass
class NightOptions:
    """What a person may choose for a night; paths are absolute."""

    raw: Path
    database: Path
    out: Path
    docs: Path
    as_of: datetime | None = None
    target: str | None = None
    destinations: Sequence[Destination] = ()
    allow_stale: bool = False
    acceptance: Acceptance | None = None
    full_refresh: bool = False


@dataclass
class NightResult:
    """What a night did: the run, one mapping a campaign (as in the manifest), the stages with their cost."""

    run: dict[str, Any]
    campaigns: list[dict[str, Any]]
    manifest: Path
    stages: list[dict[str, Any]]
    sources: list[dict[str, Any]]
    input_problems: list[dict[str, Any]]
    warnings: list[str] = field(default_factory=list)
    alerts: list[Told] = field(default_factory=list)
    # the first page of the Data Docs
    docs: Path | None = None

    @property
    def held_back(self) -> list[str]:
        """The campaigns that stay behind."""
        return [campaign["campaign_id"] for campaign in self.campaigns if campaign["status"] == "held_back"]

    @property
    def exit_code(self) -> int:
        """How the command ends: 0, or 3 where a campaign was held back."""
        return EXIT_HELD_BACK if self.held_back else EXIT_OK


@dataclass(frozen=True)
class _Decided:
    """The build file, the logical time, what the gate says, what there is to warn of, and staged rows that are not in the build."""

    build: Path
    as_of: datetime
    gate: GateResult
    warnings: list[str]
    staged: Mapping[str, str]


def run_night(project: Project, options: NightOptions, stages: Stages) -> NightResult:
    """Run the whole night, alone. SettingsError or BuildError leave what was published as it was."""
    run: dict[str, Any] = {}
    with interruptions(options, run):
        places = places_of(options.database, options.out, options.docs, project.root)
        with (
            warehouse.only_night(options.database) as lock,
            machine_failures(places, lambda: warehouse.forget_build(options.database)),
        ):
            result, channels, alerts = _run_night(project, options, stages, lock, run)
        # the next night need not wait for it
        if alerts and (channels.command or channels.webhook):
            with stages.step("alert", "telling whom it concerns"):
                result.alerts = send_alerts(alerts, channels)
            result.stages = [asdict(stage) for stage in stages.done]
        return result


@contextmanager
def interruptions(options: NightOptions, run: Mapping[str, Any]) -> Iterator[None]:
    """Interrupted, where somebody interrupts the night: with what has happened, which the files say; `run` is filled meanwhile."""
    try:
        yield
    except BaseException as error:
        if not is_interrupt(error):
            raise
        interrupts.ignore()
        raise _interrupted(options, run) from None


def _interrupted(options: NightOptions, run: Mapping[str, Any]) -> Interrupted:
    if not run or not _is_published(options.database, run["run_id"]):
        return Interrupted(
            "interrupted: nothing was published, and what was published before is as it was.",
            "run the night again.",
        )
    folder = options.out / str(run["as_of"])[:10]
    if not _is_delivered(folder, run["run_id"]):
        return Interrupted(
            f"interrupted: the night is published and its messages count as sent, but its lists are not in {folder} yet.",
            "run `sendworthy export`, or the next night: either puts them there.",
        )
    return Interrupted(
        f"interrupted: the night is published and its lists are in {folder}; they may be sent. Erasing people from older lists, "
        "folding old drops and alerts may not have been done.",
        "the next night does what is missing, but for alerts: the manifest says which campaigns are held back.",
    )


def _is_published(database: Path, run_id: str) -> bool:
    try:
        with warehouse.connect(database, read_only=True) as connection:
            return warehouse.audited_run(connection) == run_id
    except (BuildError, duckdb.Error):
        return False


def _is_delivered(folder: Path, run_id: str) -> bool:
    try:
        return read_manifest(folder / MANIFEST)[0].run_id == run_id
    except (OSError, UnknownForm):
        return False


def _run_night(
    project: Project, options: NightOptions, stages: Stages, lock: int, run: dict[str, Any]
) -> tuple[NightResult, Channels, list[dict[str, Any]]]:
    """The night, and what there is to tell of it by which channels; `run` is filled with what the manifest says of it."""
    started_at = utc_now()
    with stages.step("settings", "checking the settings"):
        check_settings(project)
        channels, window = read_channels(project, os.environ), read_window(project)
        known = load_destinations(project.root)
        key = read_key(os.environ)
        check_places(project, options)
        if not options.raw.is_dir():
            raise SettingsError(f"the landing zone {options.raw} is no folder.", "name it with --raw.")
        engine = choose_engine(project, options.target, options.database)
        engine.check(options.raw)
        warehouse.check_limits()
        notes = finish_delivery(options, started_at)
        replay = find_replay(options.database, options.as_of)
        if replay is not None:
            replay.refuse(options.acceptance)
            notes.append(replay.words)
        forget_other_engines(options.database, engine.histories)
        past = Past(project, options.raw, engine.histories, engine.packages)
        if options.full_refresh:
            past.forget()
        history = past.find(options.as_of) if replay is None else None

    # which drops dbt reads, if it is not all of them
    reads = replay.settings if replay else {"history": str(history.folder)} if history else {}
    try:
        night = _decide(project, options, engine, stages, started_at, lock, reads)
    except BuildError as error:
        if history and past.forget_damaged(history):
            error.details.append(
                f"what was kept of old drops in {history.folder} was damaged, and is removed."
            )
            error.fix = "run the night again: it reads all drops."
        raise
    build, as_of, warnings = night.build, night.as_of, night.warnings
    run.update(_describe_run(options, engine, as_of, started_at))
    with only_writer(options.out):
        # the folder of an earlier run of the night is replaced as a whole
        folder = night_folder(options.out, run)
        refuse_foreign(folder, known)
        destinations = with_others(options.destinations, known, folder)
        with stages.step("export", "writing the lists"), warehouse.connect(build) as connection:
            warehouse.create_runs(connection)
            run_before, runs = warehouse.last_run(connection), warehouse.runs_in_ledgers(connection, as_of)
            campaigns = judge_campaigns(connection, night.gate)
            run["landed"] = read_landed(connection)
            run["landed_until"] = read_landed_until(connection)
            run["cancelled_until"] = read_cancelled_until(connection)
            # of the drops before it, only what earlier nights have kept was read
            run["folded_before"] = history.horizon.isoformat() if history else None
            if replay is not None:
                run["is_replay"] = True
            found = judge_limits(connection, campaigns, as_of, window)
            warnings += hold_back(connection, campaigns, found, options.acceptance, as_of, started_at)
            warehouse.hold_back(
                connection, [item["campaign_id"] for item in campaigns if item["status"] == "released"]
            )
            warehouse.write_ledgers(connection, as_of)
            warehouse.write_files_read(connection, started_at)
            erased = erase(connection, key)
            changes = list_changes(connection)
            for campaign in campaigns:
                campaign.update(changes.get(campaign["campaign_id"], {"added": 0, "removed": 0}))
            warnings += tell(connection, destinations, campaigns, as_of)
            forms = {name: as_form(destination.form) for name, destination in known.items()}
            record_run(connection, {**run, "destinations": forms}, campaigns, as_of, started_at)
            warehouse.mark_audited(connection, run["run_id"])
            if note := warehouse.ambiguous_name(connection, options.database):
                notes.append(note)
            sources, problems = read_sources(connection), read_input_problems(connection)
            alerts = alerts_of(connection, run, campaigns)
            # aside, and whole, before anything counts as sent: a full disk ends the night here
            aside = write_aside(connection, destinations, options.out, {**run, "sources": sources}, campaigns)
        with stages.step("publish", "publishing"):
            warehouse.publish(build, options.database, anew=erased.rows > 0)
            manifest = deliver(aside)
        if erased.users:
            with stages.step("erase", "erasing people from temporary files"):
                since = Since(run["run_id"], run_before, runs, erased.named, erased.ledgers_from)
                left = erase_elsewhere(project, options, erased, since)
                warnings += destination_warning(erased, no_list_names_them=not left) + left
    if replay is None:
        warnings += remember(past, options.database, history, night.staged, erased, stages)
    if erased.users:
        # after the fold, which reads it
        warnings += try_remove(lambda: empty_lake(options.database))
    costs = [asdict(stage) for stage in stages.done]
    if channels.lacks:
        warnings.append(
            f"alert_webhook: the environment variable {channels.lacks} is not set, so a held-back campaign is told to nobody there."
        )
    result = NightResult(
        run, campaigns, manifest, costs, sources, problems, notes + warnings, docs=night.gate.docs_index
    )
    return result, channels, alerts


def _decide(
    project: Project,
    options: NightOptions,
    engine: Engine,
    stages: Stages,
    started_at: datetime,
    lock: int,
    reads: Mapping[str, str],
) -> _Decided:
    """Build and audit the night."""
    # both take seconds to import and to read: it is done while dbt is at work in a process of its own
    with ThreadPoolExecutor(1) as meanwhile, ExitStack() as opened:
        suites, messages = (
            meanwhile.submit(load_suites, project.root),
            meanwhile.submit(load_messages, project),
        )
        with stages.step("build", "building the warehouse"):
            build = warehouse.new_build(options.database)
            if not options.allow_stale:
                refuse_earlier_clock(build, started_at)
            warnings = build_warehouse(project, options, engine, build, stages, lock, reads)
            built = opened.enter_context(engine.open(build, stages))
        as_of = built.as_of
        if options.as_of is None and not options.allow_stale:
            refuse_stale(as_of, started_at)
        with stages.step("audit", "auditing the lists"), built.lists() as lists:
            refuse_future(lists, started_at)
            docs = options.docs / as_of.date().isoformat()
            gate = judge_lists(lists, suites.result(), messages.result(), docs, stages.say)
        built.gather(stages)
        return _Decided(build, as_of, gate, warnings, built.staged())


def _describe_run(
    options: NightOptions, engine: Engine, as_of: datetime, started_at: datetime
) -> dict[str, Any]:
    """The run as the manifest and ops.runs have it: its id, its night, and the versions of what made it."""
    packages = ("sendworthy", "dbt-core", *engine.packages, "duckdb", "great-expectations")
    return {
        "run_id": f"{as_of:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}",
        "as_of": iso(as_of),
        "as_of_source": "given" if options.as_of else "watermark",
        "started_at": iso(started_at),
        "versions": {name: version(name) for name in dict.fromkeys(packages)},
    }


def remember(
    past: Past,
    published: Path,
    history: History | None,
    staged: Mapping[str, str],
    erased: Erased,
    stages: Stages,
) -> list[str]:
    """Fold the drops that the next nights need not read; returns what could not be done, for tonight's lists are out."""
    horizon = past.next_horizon(history)
    if history is not None and not history.folder.is_dir():
        # somebody was in it who is erased: it is made anew, without them
        horizon = horizon or history.horizon
    if horizon is None:
        return []
    try:
        with stages.step("fold", "folding old drops"):
            past.write(published, horizon, staged, erased)
    except (OSError, duckdb.Error, BuildError) as error:
        why = error.strerror if isinstance(error, OSError) else type(error).__name__
        return [f"old drops could not be folded ({why}): the next night reads all of them, and tries again."]
    return []


def deliver(aside: Path) -> Path:
    """Put the lists of the run that is published in their place; returns the manifest's path."""
    try:
        return promote(aside) / MANIFEST
    except OSError as error:
        raise BuildError(
            f"the night is published and its messages count as sent, but its lists, which are written, are still in {aside}: {words_of(error)}.",
            f"{find_fix(words_of(error)) or 'see what is wrong with the folder'}. Then run `sendworthy export`; the night need not run again.",
        ) from None


def finish_delivery(options: NightOptions, now: datetime) -> list[str]:
    """Deliver the lists of a night that was killed when it was published and they were not in their place yet; says so."""
    if not options.database.is_file() or not options.out.is_dir():
        return []
    with only_writer(options.out):
        try:
            with warehouse.connect(options.database, read_only=True) as connection:
                left = unfinished(options.out, warehouse.audited_run(connection))
        except BuildError:
            # it is said where the file is needed
            return []
        if left is None:
            return []
        aside, manifest = left
        night = str(manifest["as_of"])
        if manifest["as_of_source"] == "watermark" and not options.allow_stale:
            try:
                refuse_stale(parse_time(night, "as_of"), now)
            except BuildError:
                return [
                    f"the night of {night} was killed before its lists were in their place, and they are too old now: "
                    "its messages count as sent, and were not."
                ]
        folder = promote(aside)
    return [
        f"the night of {night} was killed before its lists were in their place: they are now, in {folder}."
    ]


def build_warehouse(
    project: Project,
    options: NightOptions,
    engine: Engine,
    build: Path,
    stages: Stages,
    lock: int,
    reads: Mapping[str, str],
) -> list[str]:
    """Let dbt build the night on the engine; returns what it warns of. BuildError where it fails."""
    settings = {
        "raw": str(options.raw),
        "as_of": options.as_of.isoformat(sep=" ") if options.as_of else "",
        "file_faults": as_setting(find_faults(options.raw)),
        **reads,
    }
    try:
        run = run_dbt(
            project,
            engine.program,
            # what the gate checks campaign by campaign must not end the whole night
            ["build", "--exclude-resource-type", "unit_test", "--exclude", "tag:gate", "tag:cancellations+"],
            engine.target,
            engine.prepare(build),
            settings,
            lambda node, done, total: stages.say(f"building the warehouse … {done}/{total} {node}"),
            held=[lock],
        )
    except BuildError as error:
        if any(UNNAMED_FILE in detail for detail in error.details):
            stages.say("looking for the damaged file")
            error.details += [
                f"landing zone, file {path}: it is damaged. Fix: deliver it again, or remove it from the landing zone."
                for path in find_damaged(options.raw)
            ]
        raise
    return run.warnings


def erase_elsewhere(project: Project, options: NightOptions, erased: Erased, since: Since) -> list[str]:
    """Take the erased people out of older lists, previews and histories; returns what could not be done, for tonight's lists are good."""
    forgotten = forget(options.out, erased.users, since)
    problems = [*forgotten.problems, *forget_erased(options.database, erased)]
    return [
        *map(erasure_warning, problems),
        *try_remove(lambda: remove_previews(project.root)),
    ]


def erasure_warning(place: str) -> str:
    """The warning of a place that could not be cleared."""
    return f"people who asked to be erased may still be in {place}. Mend or remove it; the next night tries again."


def try_remove(remove: Callable[[], None]) -> list[str]:
    """Remove what lies about; returns the warning where that cannot be done."""
    try:
        remove()
    except OSError as error:
        return [erasure_warning(f"{error.filename}: {error.strerror}")]
    return []


def destination_warning(erased: Erased, no_list_names_them: bool) -> list[str]:
    """What no list can do: name the people who asked to be erased where a destination still knows them."""
    nowhere = " No list names them any more." if no_list_names_them else ""
    return [
        f"{people:,} people who asked to be erased were told to {destination} on earlier nights: delete them there by their "
        f"ids, which are those of your erasure requests.{nowhere}"
        for destination, people in erased.told
    ]


def check_places(project: Project, options: NightOptions) -> None:
    """SettingsError where the night could not write what it is going to write."""
    if options.database.is_dir():
        raise SettingsError(f"--db: {options.database} is a folder.", "name a file.")
    if options.as_of:
        # of a night without a name, it is seen when its lists are written
        refuse_foreign(options.out / f"{options.as_of:%Y-%m-%d}", load_destinations(project.root))
    places = places_of(options.database, options.out, options.docs, project.root)
    for option, folder in places.items():
        nearest = next(place for place in (folder, *folder.parents) if place.exists())
        if not nearest.is_dir() or not os.access(nearest, os.W_OK):
            why = "is no folder" if not nearest.is_dir() else "cannot be written to"
            fixes = {"--": "name another place.", "DB": "name another place, or unset the variable."}
            raise SettingsError(
                f"{option}: the folder {folder} cannot be used, because {nearest} {why}.",
                fixes.get(option[:2], f"see what {nearest} is, and move it away."),
            )
    tonight = options.as_of.date().isoformat() if options.as_of else ""
    for link in (path for folder in (options.out, options.docs) for path in night_folders.links(folder)):
        # of a night without a name, it is seen when its lists are written
        if link.name == tonight:
            raise SettingsError(
                f"{link} is a link, and the folder of a night has to be a folder.",
                "move what the link leads to there, or remove the link.",
            )


def read_sources(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Each landing table with its rows, those quarantined, and why: [{table, rows, quarantined, reasons}]."""
    counted = warehouse.rows(
        connection,
        """
        select
            table_name as "table",
            sum(rows_in)::bigint as rows,
            sum(rows_quarantined)::bigint as quarantined
        from ops.source_counts
        group by all
        order by all
        """,
    )
    why = warehouse.rows(
        connection,
        "select table_name, reason, count(*) as rows from ops.quarantine group by all order by rows desc, reason",
    )
    for source in counted:
        source["reasons"] = {
            row["reason"]: row["rows"] for row in why if row["table_name"] == source["table"]
        }
    return counted


def read_input_problems(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """What could not be read, matched or known tonight, most harmful first: the rows of ops.input_problems."""
    return warehouse.rows(connection, "from ops.input_problems order by place")


def check_settings(project: Project) -> None:
    """SettingsError with everything that is wrong with the seeds, or where the compiled seeds are older than the campaigns."""
    problems = [
        *validate_settings(project.root),
        *check_window(project),
        *check_history_settings(project),
        *check_channels(project),
        *check_fresh(project.root),
    ]
    if problems:
        raise SettingsError(
            "the settings are not in order; nothing was built.", "mend what is named above.", problems
        )


def refuse_stale(as_of: datetime, now: datetime) -> None:
    """BuildError where the data's own watermark lies too far behind the wall clock."""
    behind = now - as_of
    if behind > STALE_AFTER:
        raise BuildError(
            f"the newest event is of the day before {as_of:%Y-%m-%d}, {behind.total_seconds() / 3600:,.0f} hours behind the clock; "
            "lists made from stale data greet people who left and miss those who bought. Nothing was published.",
            "see why the landing zone has nothing newer; if old data is meant, say --allow-stale, or name the night with --as-of.",
        )


def judge_campaigns(connection: duckdb.DuckDBPyConnection, gate: GateResult) -> list[dict[str, Any]]:
    """Every campaign with its counts, its status (released, held_back) and what the gate said of it."""
    counted = warehouse.rows(
        connection,
        """
        select
            campaigns.campaign_id,
            campaigns.channel,
            count(decisions.user_id) as candidates,
            count(*) filter (where decisions.decision = 'send') as send,
            count(*) filter (where decisions.decision = 'control') as control,
            count(*) filter (where decisions.decision = 'suppress') as suppress
        from settings.campaigns as campaigns
        left join marts.campaign_decisions as decisions using (campaign_id)
        group by all
        order by campaigns.campaign_id
        """,
    )
    top = warehouse.rows(
        connection,
        """
        select campaign_id, reason, users
        from marts.suppression_funnel
        where step not in ('candidates', 'send', 'control')
        qualify row_number() over (partition by campaign_id order by users desc, reason) <= 3
        order by campaign_id, users desc, reason
        """,
    )
    # a message of a campaign that the settings do not know is nobody's: it is named, and it stays
    strays = set(gate.campaigns) - {campaign["campaign_id"] for campaign in counted}
    counted += [
        {"campaign_id": name, "channel": None, "candidates": 0, "send": 0, "control": 0, "suppress": 0}
        for name in sorted(strays)
    ]
    for campaign in counted:
        name = campaign["campaign_id"]
        audit = gate.campaigns.get(name)
        campaign["top_reasons"] = [[row["reason"], row["users"]] for row in top if row["campaign_id"] == name]
        campaign["status"] = "released" if audit is None or audit.passed else "held_back"
        campaign["rows"] = campaign["send"] if campaign["status"] == "released" else 0
        campaign["gate"] = audit.as_dict() if audit else {"passed": True, "messages": 0, "failed": []}
    return counted


def record_run(
    connection: duckdb.DuckDBPyConnection,
    run: dict[str, Any],
    campaigns: list[dict[str, Any]],
    as_of: datetime,
    started_at: datetime,
) -> None:
    """Write the run into ops.runs, one row a campaign."""
    warehouse.record_run(
        connection,
        {
            "run_id": run["run_id"],
            "as_of": as_of,
            "as_of_source": run["as_of_source"],
            "started_at": started_at,
            "finished_at": utc_now(),
            "run": json.dumps(run),
        },
        [
            {
                "campaign_id": campaign["campaign_id"],
                "status": campaign["status"],
                "candidates": campaign["candidates"],
                "send": campaign["send"],
                "control": campaign["control"],
                "suppress": campaign["suppress"],
                "messages": campaign["rows"],
                "failed_expectations": [failed["expectation"] for failed in campaign["gate"]["failed"]],
                "details": json.dumps(campaign),
            }
            for campaign in campaigns
        ],
    )


def reexport(
    project: Project,
    database: Path,
    out: Path,
    chosen: Sequence[Destination],
    allow_stale: bool,
    resync: bool = False,
) -> Path:
    """Write the lists of the published night once more, for the chosen destinations and those that its folder has lists of.

    Returns the manifest's path. `resync`: with changes that take nothing for granted of what the chosen destinations hold, which
    is remembered.
    """
    warehouse.open_published(database)
    # a night at work may just be taking somebody out of these lists
    with warehouse.only_night(database):
        with warehouse.connect(database, read_only=True) as connection:
            run, campaigns = _read_run(connection, database, allow_stale)
            known, folder = load_destinations(project.root), night_folder(out, run)
            refuse_foreign(folder, known)
            refuse_to_lose(folder, known)
            destinations = with_others(chosen, known, folder)
            _needs_models(connection, destinations)
        as_of = parse_time(run["as_of"], "as_of")
        build = warehouse.copy_published(database) if resync else None
        with only_writer(out):
            with warehouse.connect(build or database, read_only=build is None) as connection:
                if build:
                    tell(connection, chosen, campaigns, as_of, resync=True)
                    warehouse.record_details(connection, run["run_id"], campaigns)
                again = destinations[len(chosen) :] if build else destinations
                work_out_again(connection, again, campaigns, as_of)
                aside = write_aside(connection, destinations, out, run, campaigns)
            if build:
                warehouse.publish(build, database)
            return deliver(aside)


def _read_run(
    connection: duckdb.DuckDBPyConnection, database: Path, allow_stale: bool
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The run of the published night, and its campaigns, as the manifest has them; an error where it must not be exported."""
    run_id = warehouse.audited_run(connection)
    if run_id is None:
        raise SettingsError(
            f"{database} was built by dbt alone: its lists have not been audited.",
            "run `sendworthy nightly`; only audited lists are exported.",
        )
    recorded = warehouse.rows(
        connection,
        "select as_of, as_of_source, run, details from ops.runs where run_id = ? order by campaign_id",
        [run_id],
    )
    if recorded[0]["as_of_source"] == "watermark" and not allow_stale:
        refuse_stale(recorded[0]["as_of"], utc_now())
    campaigns = [json.loads(row["details"]) for row in recorded]
    run = {**json.loads(recorded[0]["run"]), "sources": read_sources(connection)}
    return run, campaigns


def _needs_models(connection: duckdb.DuckDBPyConnection, destinations: Sequence[Destination]) -> None:
    """SettingsError where the published night does not have the lists of a destination: it is younger than the night."""
    built = {
        row["name"]
        for row in warehouse.rows(
            connection,
            "select table_name as name from information_schema.tables where table_schema = 'exports'",
        )
    }
    for destination in destinations:
        if destination.model.partition(".")[2] not in built:
            raise SettingsError(
                f"the published night has no lists for {destination.name}: it was built before the destination was added.",
                "run `sendworthy nightly` once more, or leave it out with --destination.",
            )
