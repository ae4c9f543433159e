"""Reasons stand once, in seeds/reasons.csv; the pages and the oracle, which are written by hand, say the same."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import yaml

from tests.oracle.decisions import REASONS

PROJECT = Path(__file__).resolve().parents[2]
CODE = re.compile(r"`(\w+)(?::<\w+>)?`")


def _seed() -> list[dict[str, str]]:
    with (PROJECT / "seeds" / "reasons.csv").open(encoding="utf-8", newline="") as file:
        return sorted(csv.DictReader(file), key=lambda row: int(row["reason_number"]))


def _gates() -> list[tuple[str, str]]:
    return [(row["step"], row["reason"]) for row in _seed() if row["step"] not in ("", "arbitration")]


def _lost() -> list[str]:
    return [row["reason"] for row in _seed() if row["step"] == "arbitration"]


def _section(page: str, heading: str) -> str:
    """What stands below a heading, up to the next one of any level."""
    text = (PROJECT / "docs" / page).read_text(encoding="utf-8")
    return re.split(r"\n#+ ", text.split(f"\n{heading}\n", 1)[1], maxsplit=1)[0]


def _table(section: str) -> list[list[str]]:
    rows = [line.strip().strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [
        [cell.strip() for cell in row]
        for row in rows
        if not set(row[0].strip()) <= {"-"} or not row[0].strip()
    ]


def test_the_seed_has_the_gates_of_the_contract_in_its_order() -> None:
    found, gate = [], ""
    table = _section("contract.md", "### Gates").split("\n\n- ", 1)[0]
    for row in _table(table)[1:]:
        gate = row[0] or gate
        found += [(gate, code) for code in CODE.findall(row[1])]
    assert found == _gates()


def test_the_seed_has_the_reasons_of_the_arbitration_in_its_order() -> None:
    steps = re.findall(r"^\d\..*?`(\w+)`", _section("contract.md", "### Arbitration"), re.M | re.S)
    assert steps == _lost()


def test_the_oracle_has_the_gates_of_the_contract() -> None:
    assert [(gate, code) for gate, codes in REASONS.items() for code in codes] == _gates()


def test_each_reason_of_a_gate_is_a_column_and_each_column_a_reason() -> None:
    described = yaml.safe_load(
        (PROJECT / "models/intermediate/campaigns/_campaigns__models.yml").read_text(encoding="utf-8")
    )
    (gates,) = (model for model in described["models"] if model["name"] == "int_campaigns__gates")
    columns = [column["name"] for column in gates["columns"]]
    stopped_by = [name.removeprefix("stopped_by_") for name in columns if name.startswith("stopped_by_")]
    assert stopped_by == [reason for _, reason in _gates()]


def test_the_page_on_decisions_explains_each_reason_in_order() -> None:
    found = [
        code
        for row in _table(_section("explain-a-decision.md", "## Reasons"))
        for code in CODE.findall(row[0])
    ]
    assert found == [reason for _, reason in _gates()] + _lost()


def test_the_page_on_taking_back_lists_what_takes_a_message_back_in_order() -> None:
    found = [code for row in _table(_section("take-back.md", "## Reasons")) for code in CODE.findall(row[0])]
    assert found == [row["reason"] for row in _seed() if row["takes_back"] == "true"]


def test_words_name_only_what_explain_fills_in() -> None:
    known = {"detail", "channel", "topic", "min_age", "max_age", "cooldown_days", "pilot_percent"}
    wrong = {
        row["reason"]: names
        for row in _seed()
        if (names := set(re.findall(r"\{(.*?)\}", row["words"])) - known)
    }
    assert not wrong


def test_steps_follow_each_other_as_their_reasons_do() -> None:
    with (PROJECT / "seeds" / "funnel_steps.csv").open(encoding="utf-8", newline="") as file:
        steps = {row["step"]: int(row["step_number"]) for row in csv.DictReader(file)}
    assert list(steps.values()) == list(range(len(steps)))
    numbers = [steps[row["step"]] for row in _seed() if row["step"]]
    assert numbers == sorted(numbers)
