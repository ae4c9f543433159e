"""Who may release what limits hold back: a campaign that is there, a reason and a name, each in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from sendworthy.audit.overrides import LONGEST, Acceptance, read_acceptance
from sendworthy.foundation.errors import SettingsError
from sendworthy.foundation.project import Project

from tests.support.projects import ROOT

WELCOME, WIN_BACK = "welcome__new__email", "win_back__lapsed__email"


def test_what_is_accepted_is_a_campaign_each_once_and_words_in_one_line() -> None:
    asked = read_acceptance(Project(ROOT), [WELCOME, WIN_BACK, WELCOME], " the segment\nwas  widened ", "ada")
    assert asked == Acceptance((WELCOME, WIN_BACK), "ada", "the segment was widened")
    assert read_acceptance(Project(ROOT), [], None, None) is None


def test_without_a_name_the_account_accepts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "night")
    asked = read_acceptance(Project(ROOT), [WELCOME], "meant", None)
    assert asked is not None and asked.by == "night"


@pytest.mark.parametrize(
    ("campaigns", "reason", "by", "what", "fix"),
    [
        ([], "meant", None, "--reason belongs to --accept", "--accept"),
        ([], None, "ada", "--by belongs to --accept", "--accept"),
        (["welcome__new__emial"], "meant", "ada", "no campaign 'welcome__new__emial'", WELCOME),
        (["nothing like it"], "meant", "ada", "no campaign", "campaigns/"),
        ([WELCOME], None, "ada", "--reason is missing", "--reason"),
        ([WELCOME], " \t\n", "ada", "--reason is missing", "--reason"),
        ([WELCOME], "a\x1b[2Jb", "ada", "--reason is missing", "--reason"),
        ([WELCOME], "meant", " ", "--by is missing", "--by"),
        ([WELCOME], "x" * (LONGEST + 1), "ada", "--reason is too long", str(LONGEST)),
    ],
)
def test_what_cannot_be_accepted_ends_before_anything_is_built(
    campaigns: list[str], reason: str | None, by: str | None, what: str, fix: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        read_acceptance(Project(ROOT), campaigns, reason, by)
    assert what in refused.value.what and fix in refused.value.fix


def test_the_longest_reason_is_taken() -> None:
    asked = read_acceptance(Project(ROOT), [WELCOME], "x" * LONGEST, "ada")
    assert asked is not None and len(asked.reason) == LONGEST


def test_an_account_without_a_name_has_to_say_who_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr("getpass.getuser", nobody)
    with pytest.raises(SettingsError, match="--by is missing"):
        read_acceptance(Project(ROOT), [WELCOME], "meant", None)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_without_compiled_campaigns_nothing_is_accepted(tmp_path: Path, content: bytes | None) -> None:
    project = Project(tmp_path)
    if content is not None:
        project.compiled_campaigns.parent.mkdir(parents=True)
        project.compiled_campaigns.write_bytes(content)
    with pytest.raises(SettingsError) as refused:
        read_acceptance(project, [WELCOME], "meant", "ada")
    assert refused.value.fix == "run: sendworthy compile"
