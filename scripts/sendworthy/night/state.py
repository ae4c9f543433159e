"""A night as it is passed from stage to stage: what was asked for, what has been found, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sendworthy.audit.alerts import (
    AlertResult,
    Channels,
)
from sendworthy.audit.gate import GateResult
from sendworthy.audit.overrides import Acceptance
from sendworthy.build.engines import Engine
from sendworthy.foundation.errors import EXIT_HELD_BACK, EXIT_OK
from sendworthy.foundation.progress import Stages
from sendworthy.foundation.project import Project
from sendworthy.landing.replay import Replay
from sendworthy.landing.typed_drops import TypedDrops
from sendworthy.privacy.erasure import Erased
from sendworthy.settings.destinations import (
    Destination,
)


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
    alerts: list[AlertResult] = field(default_factory=list)
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


@dataclass
class Night:
    """One night on its way from the landing zone to the lists. Each stage takes it, and adds what it has found.

    `run` is what the manifest and ops.runs say of it; `notes` and `warnings` are shown at its end.
    """

    project: Project
    options: NightOptions
    stages: Stages
    lock: int
    run: dict[str, Any]
    started_at: datetime
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    # the settings
    channels: Channels = field(init=False)
    known: Mapping[str, Destination] = field(init=False)
    key: bytes | None = field(init=False)
    engine: Engine = field(init=False)
    replay: Replay | None = field(init=False)
    # None where all is read, and nothing is kept of it
    drops: TypedDrops | None = field(init=False)

    # the build and its audit
    build: Path = field(init=False)
    as_of: datetime = field(init=False)
    gate: GateResult = field(init=False)

    # what is released, and what goes where
    campaigns: list[dict[str, Any]] = field(init=False)
    before: tuple[str | None, frozenset[str]] = field(init=False)
    erased: Erased = field(init=False)
    sources: list[dict[str, Any]] = field(init=False)
    input_problems: list[dict[str, Any]] = field(init=False)
    alerts: list[dict[str, Any]] = field(init=False)
    staged_lists: Path = field(init=False)
    manifest: Path = field(init=False)
