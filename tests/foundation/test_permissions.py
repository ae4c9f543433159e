"""What Sendworthy writes about people is its owner's alone; what a team shares is not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sendworthy.build.dbt_runner import run_dbt
from sendworthy.foundation.permissions import PSEUDONYM_KEY
from sendworthy.foundation.project import Project

from tests.support.campaign_project import write_out
from tests.support.projects import copy_project

BEGIN = """
import os, pathlib, subprocess, sys
from sendworthy.foundation.permissions import keep_to_owner
keep_to_owner()
pathlib.Path('a/b').mkdir(parents=True)
pathlib.Path('a/b/file').touch()
subprocess.run([sys.executable, '-c', "open('a/b/of a child', 'w')"], check=True)
"""


def modes(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mode & 0o777 for path in sorted(folder.rglob("*"))}


def run(code: str, *arguments: str, cwd: Path, umask: int) -> None:
    command = [sys.executable, "-c", f"import os; os.umask({umask}); {code}", *arguments]
    ended = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=600)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize("umask", [0o000, 0o002, 0o022, 0o077])
def test_a_process_and_its_children_write_for_their_owner(tmp_path: Path, umask: int) -> None:
    run(f"exec({BEGIN!r})", cwd=tmp_path, umask=umask)
    assert modes(tmp_path) == {"a": 0o700, "a/b": 0o700, "a/b/file": 0o600, "a/b/of a child": 0o600}


def test_a_stricter_umask_stays(tmp_path: Path) -> None:
    code = "from sendworthy.foundation.permissions import keep_to_owner; keep_to_owner(); open('file', 'w')"
    run(code, cwd=tmp_path, umask=0o277)
    assert modes(tmp_path) == {"file": 0o400}


def test_a_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    there = tmp_path / "a"
    there.mkdir()
    os.chmod(there, 0o755)
    run(f"exec({BEGIN!r})", cwd=tmp_path, umask=0o022)
    assert there.stat().st_mode & 0o777 == 0o755 and modes(there)["b"] == 0o700


def test_a_campaign_is_written_for_the_team(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")
    words = "--kind win_back --channel email --segment lapsed --suffix spring --owner crm-team"
    main = "from sendworthy.cli.main import main; main()"
    arguments = (*words.split(), "--escalation-contact", "crm@example.com")
    (project / "seeds" / "compiled" / "campaigns.csv").unlink()
    run(main, "new-campaign", *arguments, cwd=project, umask=0o002)
    folder = project / "campaigns" / "win_back__lapsed__email__spring"
    write_out(folder)
    run(main, "compile", cwd=project, umask=0o002)
    assert set(modes(folder).values()) == {0o664}
    assert modes(project / "seeds" / "compiled")["campaigns.csv"] == 0o664


def test_dbt_does_not_get_the_key_of_the_pseudonyms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PSEUDONYM_KEY, "a long text that nobody else knows")
    monkeypatch.setenv("SENDWORTHY_OTHER", "not a secret")
    told = "import json, os, pathlib; pathlib.Path('told').write_text(json.dumps(dict(os.environ)))"
    run_dbt(Project(tmp_path), [sys.executable, "-c", told], ["build"], "duckdb", {}, {})
    environment = json.loads((tmp_path / "told").read_text(encoding="utf-8"))
    assert environment["SENDWORTHY_OTHER"] == "not a secret" and PSEUDONYM_KEY not in environment
