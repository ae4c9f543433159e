"""Commands that work on a night that is there: none of them takes away what it was not asked for."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import duckdb
import pytest
from sendworthy.foundation.errors import SettingsError
from sendworthy.settings.destinations import load_destinations, refuse_foreign, refuse_to_lose, with_others
from sendworthy.warehouse import database_file

from tests.support.projects import FIRST, ROOT, Place, copy_project, dbt, sendworthy


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A copy of the project after one night."""
    place = Place(copy_project(tmp_path_factory.mktemp("project")))
    result = place.night(FIRST)
    assert result.returncode == 0, result.stdout + result.stderr
    return place


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def files_of(folder: Path) -> dict[str, bytes]:
    """What every destination has there, but for the manifest."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.glob("*/**/*.*"))
    }


# -- export


@pytest.mark.parametrize("option", [[], ["--resync"]], ids=["again", "resync"])
def test_an_export_to_one_destination_leaves_the_files_of_the_others(
    place: Place, tmp_path: Path, option: list[str]
) -> None:
    shutil.copyfile(place.database, tmp_path / "copy.duckdb")
    out = shutil.copytree(place.root / "out", tmp_path / "out")
    before = files_of(out / FIRST)
    where = ("--db", tmp_path / "copy.duckdb", "--out", out)
    exported = sendworthy("export", "--destination", "klaviyo", *option, *where, cwd=place.root)
    assert exported.returncode == 0, exported.stderr
    after = files_of(out / FIRST)
    assert {name: after.get(name) for name in before} == before
    assert {name.partition("/")[0] for name in after} == {"braze", "generic", "klaviyo"}
    manifest = json.loads((out / FIRST / "manifest.json").read_text(encoding="utf-8"))
    listed = [file for campaign in manifest["campaigns"] for file in campaign["files"]]
    listed += [
        file
        for campaign in manifest["campaigns"]
        for told in campaign["changes"].values()
        for file in told["files"]
    ]
    assert {file["file"] for file in listed} == after.keys()
    verified = sendworthy("verify", out, *where[:2], "--now", f"{FIRST} 04:00", cwd=place.root)
    assert verified.returncode == 0, verified.stdout


@pytest.mark.hard
def test_a_night_again_for_one_destination_writes_those_of_the_others_anew(
    place: Place, tmp_path: Path
) -> None:
    shutil.copyfile(place.database, tmp_path / "copy.duckdb")
    out = shutil.copytree(place.root / "out", tmp_path / "out")
    before = files_of(out / FIRST)
    where = ("--db", tmp_path / "copy.duckdb", "--out", out, "--docs", tmp_path / "docs")
    again = place.night(FIRST, "--destination", "klaviyo", *where)
    assert again.returncode == 0, again.stderr
    after = files_of(out / FIRST)
    assert {name: after.get(name) for name in before} == before
    assert {name.partition("/")[0] for name in after} == {"braze", "generic", "klaviyo"}
    assert sendworthy("verify", out, "--now", f"{FIRST} 04:00", cwd=place.root).returncode == 0


def test_a_folder_of_a_destination_that_is_gone_is_not_removed(place: Place, tmp_path: Path) -> None:
    known = load_destinations(place.root)
    chosen = [known["klaviyo"]]
    assert with_others(chosen, known, tmp_path / "nothing") == chosen
    for name in ("klaviyo", "generic", "braze"):
        (tmp_path / name).mkdir()
    assert [item.name for item in with_others(chosen, known, tmp_path)] == ["klaviyo", "braze", "generic"]
    refuse_to_lose(tmp_path, known)
    (tmp_path / "sold").mkdir()
    with pytest.raises(SettingsError, match="has sold, which is no destination"):
        refuse_to_lose(tmp_path, known)


def test_a_folder_of_something_else_is_not_replaced(tmp_path: Path, place: Place) -> None:
    known = load_destinations(place.root)
    night = tmp_path / FIRST
    refuse_foreign(night, known)
    (night / "braze").mkdir(parents=True)
    # a night whose manifest is gone is written again
    refuse_foreign(night, known)
    (night / "holiday.jpg").touch()
    with pytest.raises(SettingsError, match="is no night"):
        refuse_foreign(night, known)
    for command in (["nightly", "--as-of", FIRST], ["export", "--allow-stale"]):
        refused = sendworthy(*command, "--out", tmp_path, cwd=place.root)
        assert refused.returncode == 2 and f"{night} is there already" in refused.stderr, refused.stderr
    assert (night / "holiday.jpg").is_file()
    # a mark of somebody's own does not end a night
    (night / "manifest.json").touch()
    refuse_foreign(night, known)
    (tmp_path / "a-file").touch()
    with pytest.raises(SettingsError, match="is no night"):
        refuse_foreign(tmp_path / "a-file", known)


def test_a_database_of_something_else_is_not_replaced(tmp_path: Path, place: Place) -> None:
    other = tmp_path / "shop.duckdb"
    with duckdb.connect(str(other)) as connection:
        connection.execute("create table orders as select 1 as order_id")
    before = digest(other)
    refused = sendworthy(
        "nightly", "--as-of", FIRST, "--db", other, "--out", tmp_path / "out", cwd=place.root
    )
    assert refused.returncode == 2 and "the database of something else" in refused.stderr, refused.stderr
    assert digest(other) == before
    # an empty one is nobody's, and one that dbt alone has built is a night's
    with duckdb.connect(str(tmp_path / "empty.duckdb")):
        pass
    database_file.new_build(tmp_path / "empty.duckdb", ROOT)
    with duckdb.connect(str(tmp_path / "built.duckdb")) as connection:
        connection.execute("create schema marts; create table marts.send_list as select 1 as x")
    database_file.new_build(tmp_path / "built.duckdb", ROOT)


# -- dbt alone, and the published file


@pytest.mark.parametrize(
    "command",
    [["test"], ["seed"], ["build", "--select", "customers"], ["run-operation", "land"]],
    ids=" ".join,
)
def test_dbt_refuses_to_change_a_published_file(place: Place, tmp_path: Path, command: list[str]) -> None:
    copy = tmp_path / "sendworthy.duckdb"
    shutil.copyfile(place.database, copy)
    before = digest(copy)
    refused = dbt(*command, cwd=place.root, build=copy)
    assert refused.returncode != 0
    assert f"{copy} holds a night that was audited and published" in refused.stdout
    assert "overwrite_audited" in refused.stdout
    assert digest(copy) == before


def test_dbt_alone_leaves_the_published_file_alone(place: Place) -> None:
    before = digest(place.database)
    built = dbt("seed", "--select", "places", cwd=place.root)
    assert built.returncode == 0, built.stdout
    assert digest(place.database) == before
    with duckdb.connect(str(place.root / "dbt.duckdb"), read_only=True) as connection:
        assert connection.execute("select count(*) > 0 from settings.places").fetchall() == [(True,)]


# -- a file that is called like a schema in it


SCHEMAS = ("marts", "ops", "ledger", "settings", "intermediate", "audit", "exports", "staging")


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_file_called_like_a_schema_can_be_read_and_carried_on(name: str, tmp_path: Path) -> None:
    """What a night and every command do with a published file, on one with two schemas of which one is called alike."""
    published = tmp_path / f"{name}.duckdb"
    with database_file.connect(published) as connection:
        connection.execute(f"create schema {name}; create table {name}.word as select 'kept' as word")
        connection.execute("create schema if not exists ops; create schema if not exists ledger")
        connection.execute("create table ops.runs as select 'r' as run_id")
    with database_file.connect(published, read_only=True) as connection:
        assert connection.execute(f"select word from {name}.word").fetchall() == [("kept",)]
    build = database_file.new_build(published, ROOT)
    with database_file.connect(build) as connection:
        assert connection.execute("select run_id from ops.runs").fetchall() == [("r",)]
        connection.execute(
            f"create schema if not exists {name}; create table {name}.word as select 'new' as word"
        )
    database_file.publish(build, published, anew=True)
    with database_file.connect(published, read_only=True) as connection:
        assert connection.execute(f"select word from {name}.word").fetchall() == [("new",)]
    assert sorted(path.name for path in tmp_path.iterdir()) == [".sendworthy", published.name]


@pytest.mark.parametrize("name", ["marts", "ops"])
def test_commands_on_a_file_called_like_a_schema(place: Place, tmp_path: Path, name: str) -> None:
    database = tmp_path / f"{name}.duckdb"
    shutil.copyfile(place.database, database)
    out = place.root / "out"
    user = place.query("select min(user_id) from marts.send_list")[0][0]
    for command in (
        ["verify", out, "--now", f"{FIRST} 04:00"],
        ["explain", user],
        ["coverage"],
        ["validate", "--render", "kinds"],
        ["export", "--out", tmp_path / "again"],
    ):
        ended = sendworthy(*command, "--db", database, cwd=place.root)
        assert ended.returncode == 0, (command, ended.stdout, ended.stderr)
    (tmp_path / "new").mkdir()
    refused = dbt("seed", cwd=place.root, build=tmp_path / "new" / f"{name}.duckdb")
    assert refused.returncode != 0 and f"is called like the schema {name}" in refused.stdout


@pytest.mark.hard
def test_two_nights_in_a_file_called_like_a_schema(place: Place, tmp_path: Path) -> None:
    where = ("--db", tmp_path / "ops.duckdb", "--out", tmp_path / "out", "--docs", tmp_path / "docs")
    for night in (FIRST, "2026-06-02"):
        ended = place.night(night, *where)
        assert ended.returncode == 0, ended.stderr
        assert "called like a schema" in ended.stderr
        verified = sendworthy(
            "verify", tmp_path / "out", *where[:2], "--now", f"{night} 04:00", cwd=place.root
        )
        assert verified.returncode == 0, verified.stdout
