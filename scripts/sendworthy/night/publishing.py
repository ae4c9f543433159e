"""Publishes the database and the lists, and does what comes after: erasure."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from sendworthy.delivery.staging_folder import (
    MANIFEST,
    promote,
)
from sendworthy.foundation.errors import BuildError
from sendworthy.night.state import Night
from sendworthy.privacy.erasure import Erased
from sendworthy.privacy.rewrite_lists import Since, forget
from sendworthy.warehouse import database_file
from sendworthy.warehouse.failure_causes import fix_of, words_of
from sendworthy.warehouse.personal_files import empty_lake, remove_drops, remove_folded_drops, remove_previews


def publish(night: Night) -> None:
    """Publish the build file and promote the staged lists: from here on, the messages count as sent."""
    with night.stages.step("publish", "publishing"):
        database_file.publish(night.build, night.options.database, anew=night.erased.rows > 0)
        night.manifest = deliver(night.staged_lists)


def erase_elsewhere(night: Night) -> None:
    """Take the erased people out of older lists and previews; what could not be done is a warning, for the lists are good."""
    if not night.erased.users:
        return
    with night.stages.step("erase", "erasing people from temporary files"):
        run_before, runs = night.before
        since = Since(night.run["run_id"], run_before, runs, night.erased.named, night.erased.ledgers_from)
        forgotten = forget(night.options.out, night.erased.users, since)
        left = [
            *map(erasure_warning, forgotten.problems),
            *try_remove(lambda: remove_previews(night.project.root)),
        ]
        night.warnings += destination_warning(night.erased, no_list_names_them=not left) + left


def remove_unused(night: Night) -> None:
    """Remove what is kept of the drops and no longer published; what could not be done is a warning, for the lists are out."""
    database = night.options.database
    night.warnings += try_remove(lambda: remove_folded_drops(database))
    if night.drops is not None:
        night.warnings += try_remove(partial(night.drops.commit, night.as_of))
    elif night.replay is None:
        night.warnings += try_remove(lambda: remove_drops(database))
    if night.erased.users:
        night.warnings += try_remove(lambda: empty_lake(database))


def deliver(staged: Path) -> Path:
    """Promote the lists of the published run; returns the manifest's path."""
    try:
        return promote(staged) / MANIFEST
    except OSError as error:
        raise BuildError(
            f"the night is published and its messages count as sent, but its lists, which are written, are still in {staged}: {words_of(error)}.",
            f"{fix_of(error) or 'see what is wrong with the folder'}. Then run `sendworthy export`; the night need not run again.",
        ) from None


def erasure_warning(place: str) -> str:
    """The warning of a place that could not be cleared."""
    return f"people who asked to be erased may still be in {place}. Fix or remove it; the next night tries again."


def try_remove(remove: Callable[[], None]) -> list[str]:
    """Remove temporary files; returns the warning where that cannot be done."""
    try:
        remove()
    except OSError as error:
        return [erasure_warning(f"{error.filename}: {error.strerror}")]
    return []


def destination_warning(erased: Erased, no_list_names_them: bool) -> list[str]:
    """What no list can do: name the people who asked to be erased where a destination still knows them."""
    nowhere = " No list names them any more." if no_list_names_them else ""
    return [
        f"{people:,} people who asked to be erased were delivered to {destination} on earlier nights: delete them there by their "
        f"ids, which are those of your erasure requests.{nowhere}"
        for destination, people in erased.delivered_to
    ]
