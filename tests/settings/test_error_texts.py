"""The words of pydantic's errors: whatever stands in a setting, a person reads our words, and what to write instead."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel, ValidationError
from sendworthy.campaigns.model import Campaign, CampaignFolder, _problem
from sendworthy.foundation.errors import SettingsError
from sendworthy.foundation.project import Project
from sendworthy.settings.dbt_targets import read_target
from sendworthy.settings.destinations import Description
from sendworthy.settings.error_texts import in_words, schema_at
from sendworthy.settings.seed_files import SEEDS, Seed, validate_settings

from tests.support.projects import ROOT

# of each kind that YAML knows, and of each a strange one
VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 10**12, 1.5, float("nan"), float("inf"), "", " ", "x" * 500, "a;b\nc", "Ä b"),
    *([], [1], [None], {}, {"x": 1}, {1: 2}, date(2026, 1, 1)),
)
PYDANTIC = ("Input should", "Field required", "Extra inputs", "should have", "should match", "Value error")


def places(model: type[BaseModel], data: Any, key: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every key of what is given, and a key that nobody knows in each of its groups."""
    found: list[tuple[str | int, ...]] = [key] if key else []
    if isinstance(data, dict):
        for name, value in data.items():
            found += places(model, value, (*key, name))
        found.append((*key, "unknwon"))
    return found


def with_value(data: Any, key: tuple[str | int, ...], value: Any) -> Any:
    name, *rest = key
    inner = with_value(data.get(name, {}), tuple(rest), value) if rest else value
    return {**data, name: inner}


def campaign() -> dict[str, Any]:
    path = min((ROOT / "campaigns").glob("*__*")) / "campaign.yml"
    read = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {
        **read,
        "waives": {"has_open_ticket": "nobody has one"},
        "limits": {"min_audience": 5, "max_swing_percent": 5},
        "trigger": {"event": "order_completed", "min_age_hours": 1, "max_age_hours": 2},
        "valid": {"from": date(2026, 1, 1), "to": date(2026, 2, 1)},
    }


def destination() -> dict[str, Any]:
    path = ROOT / "models" / "exports" / "export_klaviyo.yml"
    described: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))["models"][0]["config"][
        "meta"
    ]
    return dict(described["destination"])


MODELS: dict[str, tuple[type[BaseModel], Any]] = {
    "campaign": (Campaign, campaign()),
    "destination": (Description, destination()),
}


@pytest.mark.parametrize(
    ("name", "key"), [(name, key) for name, (model, data) in MODELS.items() for key in places(model, data)]
)
def test_no_value_of_a_key_is_told_in_pydantics_words(name: str, key: tuple[str | int, ...]) -> None:
    model, data = MODELS[name]
    wrong = 0
    for value in VALUES:
        try:
            model.model_validate(with_value(data, key, value))
        except ValidationError as error:
            for one in error.errors(include_url=False):
                wrong += 1
                if model is Campaign:
                    problem = _problem(CampaignFolder("x", "campaigns/x", None), one)
                    what, fix = problem.what, problem.fix
                else:
                    what, fix = in_words(one, model)
                assert what and fix and "{" not in what, (one, what, fix)
                assert not any(words in what + fix for words in PYDANTIC), (one, what, fix)
                assert "None" not in fix and "as many as" not in fix, (one, what, fix)
    assert wrong


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: seed.name)
def test_no_cell_of_a_seed_is_told_in_pydantics_words(seed: Seed, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "seeds", tmp_path / "seeds")
    cells = ("", "x", "-1", "1e9", "NaN", "9" * 18, "1.5", "TRUE", "Ä b", "a;b", "{x}", "2026-13-01")
    path = tmp_path / seed.path
    lines = [",".join([cell] * len(seed.columns)) for cell in cells]
    path.write_text("\n".join([",".join(seed.columns), *lines]) + "\n", encoding="utf-8")
    found = [problem for problem in validate_settings(tmp_path) if problem.where.startswith(seed.path)]
    assert found
    for problem in found:
        assert problem.key and problem.what and problem.fix
        assert not any(words in problem.what + problem.fix for words in PYDANTIC), problem
        if seed.is_personal:
            assert not any(cell in problem.what for cell in ("Ä b", "a;b", "2026-13-01"))


def test_white_space_around_a_value_hides_no_other_mistake(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "seeds", tmp_path / "seeds")
    caps = tmp_path / "seeds" / "frequency_caps.csv"
    caps.write_text("channel,window_days,max_messages\n email,0 ,5\n", encoding="utf-8")
    found = [
        (p.key, p.what) for p in validate_settings(tmp_path) if p.where.startswith("seeds/frequency_caps")
    ]
    space = "white space around the value"
    assert found == [("channel", space), ("window_days", space), ("window_days", "0 is out of range")]


def test_a_range_stands_in_the_model_only() -> None:
    assert schema_at(Campaign, ("trigger", "max_age_hours"))["maximum"] == 2160
    assert schema_at(Campaign, ("valid", "from"))["format"] == "date"
    assert list(schema_at(Campaign, ("priority",))["properties"]) == ["impact", "confidence", "ease"]
    assert schema_at(Campaign, ("nothing", "at", 0)) == {}


@pytest.mark.parametrize(
    ("text", "key", "what"),
    [
        ("sendworthy: {outputs: {x: {path: y}}}", "sendworthy.outputs.x.type", "missing"),
        ("sendworthy: {outputs: [x]}", "sendworthy.outputs", "not a group of keys"),
        ("sendworthy: {target: [x], outputs: {}}", "sendworthy.target", "not a text"),
    ],
)
def test_a_profile_that_is_not_in_order_says_where(tmp_path: Path, text: str, key: str, what: str) -> None:
    (tmp_path / "profiles.yml").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        read_target(Project(tmp_path), None, {})
    (problem,) = caught.value.problems
    assert (problem.where, problem.key) == ("profiles.yml", key) and what in problem.what and problem.fix
