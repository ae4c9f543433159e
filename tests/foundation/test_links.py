"""Links where folders and files of ours belong: nothing is read, written or removed at their target, and it is said."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sendworthy.delivery.manifest import UnknownForm, find_night, read_manifest
from sendworthy.delivery.staging_folder import (
    MANIFEST,
    cancellations_in,
    only_writer,
    promote,
    staged_folder,
    unfinished,
)
from sendworthy.delivery.verify import verify
from sendworthy.foundation.errors import BuildError, SettingsError
from sendworthy.foundation.safe_files import UnsafeFile
from sendworthy.privacy.rewrite_lists import SEARCHED, Since, forget
from sendworthy.warehouse.resource_failures import machine_failures

from tests.privacy.test_rewrite_lists import NIGHT, OLDER, contents, out  # noqa: F401 - a fixture

PERSON = "ada"
BYSTANDER = "not ours"


def moved_away(place: Path, target: Path) -> None:
    """Replace what is there by a link to it elsewhere."""
    target.parent.mkdir(parents=True, exist_ok=True)
    place.rename(target)
    place.symlink_to(target)


def a_pipe(place: Path, target: Path) -> None:
    place.unlink()
    os.mkfifo(place)


# what is not what it should be, in the folder of nights, and what is named
LINKS: dict[str, tuple[str, Callable[[Path, Path], object]]] = {
    "a night": (OLDER, moved_away),
    "cancellations of a night": (f"{OLDER}.cancellations", moved_away),
    "a destination's folder": (f"{OLDER}/generic", moved_away),
    "a list": (f"{OLDER}/generic/hello.csv", moved_away),
    "a list of Parquet": (f"{OLDER}/generic_parquet/hello.parquet", moved_away),
    "a manifest": (f"{OLDER}/{MANIFEST}", moved_away),
    "a list that is a pipe": (f"{OLDER}/generic/hello.csv", a_pipe),
    "a manifest that is a pipe": (f"{OLDER}/{MANIFEST}", a_pipe),
    "a file that no manifest names": (f"{OLDER}/copy.csv", moved_away),
}


@pytest.mark.parametrize("case", LINKS)
def test_an_erasure_says_what_it_cannot_search_and_does_the_rest(
    out: Path,
    tmp_path: Path,
    case: str,
) -> None:
    name, make = LINKS[case]
    (out / f"{OLDER}.cancellations").mkdir()
    (out / OLDER / "copy.csv").write_text(PERSON, encoding="utf-8")
    target = tmp_path / "elsewhere" / "it"
    make(out / name, target)
    before = contents(target) if target.is_dir() else target.read_bytes() if target.exists() else None
    done = forget(out, {PERSON})
    assert any(str(out / name) in problem for problem in done.problems), done.problems
    assert NIGHT in done.nights and PERSON.encode() not in b"".join(
        line
        for content in contents(out / NIGHT / "generic").values()
        for line in content.splitlines()
        if line.startswith(b"ada,")
    )
    after = contents(target) if target.is_dir() else target.read_bytes() if target.exists() else None
    assert after == before, "nothing is written at the target of a link"
    if case.startswith("a list") or case == "a file that no manifest names":
        # the other lists of the night lose the person all the same
        assert OLDER in done.nights


def test_what_could_not_be_searched_is_searched_again(out: Path, tmp_path: Path) -> None:
    run = "20260601T000000Z-0a1b2c3d"
    since = Since(f"{run}x", None, (), (), None)
    moved_away(out / OLDER / "generic" / "hello.csv", tmp_path / "elsewhere" / "hello.csv")
    forget(out, {PERSON}, since)
    searched = json.loads((out / SEARCHED).read_text(encoding="utf-8"))["nights"]
    assert NIGHT in searched and OLDER not in searched


def test_the_record_of_what_was_searched_is_no_way_out(out: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text(BYSTANDER, encoding="utf-8")
    (out / f"{SEARCHED}.writing").symlink_to(victim)
    (out / SEARCHED).symlink_to(victim)
    forget(out, {PERSON}, Since("run", "before", (), (), None))
    assert victim.read_text(encoding="utf-8") == BYSTANDER
    assert json.loads((out / SEARCHED).read_text(encoding="utf-8"))["run"] == "run"


@pytest.mark.parametrize("target", ["there", "missing"])
def test_a_lock_that_is_a_link_is_refused(tmp_path: Path, target: str) -> None:
    victim = tmp_path / "victim"
    if target == "there":
        victim.write_text(BYSTANDER, encoding="utf-8")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".lock").symlink_to(victim)
    with pytest.raises(BuildError, match="is a link") as caught, only_writer(tmp_path / "out"):
        pass
    assert f"rm {tmp_path / 'out' / '.lock'}" in caught.value.fix
    assert victim.exists() == (target == "there")
    assert target == "missing" or victim.read_text(encoding="utf-8") == BYSTANDER


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir])
def test_a_lock_that_is_no_file_is_refused(tmp_path: Path, make: Callable[[Path], object]) -> None:
    (tmp_path / "out").mkdir()
    make(tmp_path / "out" / ".lock")
    with pytest.raises(BuildError, match="no file at all"), only_writer(tmp_path / "out"):
        pass


def test_a_lock_with_a_second_name_holds_and_writes_nothing(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text(BYSTANDER, encoding="utf-8")
    (tmp_path / "out").mkdir()
    os.link(victim, tmp_path / "out" / ".lock")
    with only_writer(tmp_path / "out"):
        pass
    assert victim.read_text(encoding="utf-8") == BYSTANDER


def test_tonight_s_folder_that_is_a_link_ends_the_night_before_anything_counts(tmp_path: Path) -> None:
    out_dir, target = tmp_path / "out", tmp_path / "elsewhere"
    (target / "generic").mkdir(parents=True)
    (target / "generic" / "old.csv").write_text("old", encoding="utf-8")
    out_dir.mkdir()
    (out_dir / NIGHT).symlink_to(target)
    for _ in range(2):
        with (
            pytest.raises(BuildError) as caught,
            machine_failures({}, lambda: None),
            staged_folder(out_dir, NIGHT),
        ):
            pass
        assert str(out_dir / NIGHT) in caught.value.what and "it is a link" in caught.value.what
        assert "remove the link" in caught.value.fix
        assert [path.name for path in out_dir.iterdir()] == [NIGHT]
    assert (target / "generic" / "old.csv").read_text(encoding="utf-8") == "old"
    # made a link while the night was at work
    staged = out_dir / f".{NIGHT}.writing"
    staged.mkdir()
    with pytest.raises(UnsafeFile):
        promote(staged)
    assert staged.is_dir() and contents(target)


@pytest.mark.parametrize("state", ["writing", "retired"])
def test_what_an_older_version_left_as_a_link_goes_and_its_target_stays(tmp_path: Path, state: str) -> None:
    out_dir, target = tmp_path / "out", tmp_path / "elsewhere"
    target.mkdir()
    (target / MANIFEST).write_text('{"run_id": "r"}', encoding="utf-8")
    out_dir.mkdir()
    (out_dir / f".{NIGHT}.{state}").symlink_to(target)
    assert unfinished(out_dir, "r") is None
    with staged_folder(out_dir, NIGHT) as staged:
        (staged / MANIFEST).write_text("{}", encoding="utf-8")
    promote(staged)
    assert [path.name for path in out_dir.iterdir()] == [NIGHT] and (target / MANIFEST).exists()


def test_the_newest_night_that_is_a_link_is_not_verified_and_no_older_one_in_its_place(
    out: Path,
    tmp_path: Path,
) -> None:
    moved_away(out / NIGHT, tmp_path / "elsewhere" / NIGHT)
    with pytest.raises(SettingsError, match="is a link"):
        find_night(out)
    # by its own name, it is a night like any other
    assert find_night(tmp_path / "elsewhere" / NIGHT).name == NIGHT
    with pytest.raises(SettingsError, match="is a link"):
        verify(out, datetime(2026, 6, 1, 4), timedelta(hours=36))


@pytest.mark.parametrize("make", [moved_away, a_pipe])
def test_a_manifest_that_is_no_file_of_its_night_is_not_read(
    out: Path,
    tmp_path: Path,
    make: Callable[[Path, Path], None],
) -> None:
    make(out / NIGHT / MANIFEST, tmp_path / "elsewhere" / "m")
    with pytest.raises(OSError):
        read_manifest(out / NIGHT / MANIFEST)
    with pytest.raises((OSError, UnknownForm)):
        verify(out / NIGHT, datetime(2026, 6, 1, 4), timedelta(hours=36))


def test_cancellations_that_are_a_link_are_none(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "2026-06-01.cancellations").symlink_to("elsewhere")
    (tmp_path / "2026-06-02.cancellations").mkdir()
    assert cancellations_in(tmp_path) == {tmp_path / "2026-06-02.cancellations": "2026-06-02"}
