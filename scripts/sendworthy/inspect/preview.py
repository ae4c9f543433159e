"""How a campaign's messages would look: each variant, rendered for one user or for a made-up one, with what stands where.

Everything is judged as the audit does (`proof.judge`); nothing is decided here that is not decided elsewhere, but for the
variant, which is the first whose required fields are all there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
from liquid import BoundTemplate, RenderContext
from liquid.ast import Node
from liquid.builtin.output import OutputNode
from liquid.builtin.tags.echo_tag import EchoNode

from sendworthy.audit.render_check import (
    RENDER_ERRORS,
    SUBJECT_LIMIT_VARIABLE,
    Fault,
    Rendering,
    Values,
    judge,
    place,
    render_message,
)
from sendworthy.campaigns.model import CampaignFolder, Variant, load_campaigns, read_known
from sendworthy.foundation.errors import Problem, SettingsError, did_you_mean
from sendworthy.foundation.project import Project
from sendworthy.inspect.explain import Explanation, explain
from sendworthy.templates.liquid import Printed, line_of, names_in, walk_nodes
from sendworthy.templates.parser import PARTS, Partial, TemplateAnalysis
from sendworthy.warehouse import database_file

COMPLETENESS = "personalization_completeness"


@dataclass(frozen=True)
class Piece:
    """A piece of a rendered text. `kind` is empty for the template's own words, else `value` (of a merge field),
    `stand_in` (printed instead of a blank value) or `hole` (a blank value that nothing stands in for); `title` says more.
    """

    text: str
    kind: str = ""
    title: str = ""


@dataclass(frozen=True)
class Shown:
    """One rendering of a variant: the pieces of each part, what is wrong with it, and what became of blank fields."""

    heading: str
    values: Values
    parts: Mapping[str, Sequence[Piece]]
    aborted: str | None
    faults: Sequence[Fault]
    blanks: Sequence[str]

    def text(self, part: str) -> str:
        """A part as plain text."""
        return "".join(piece.text for piece in self.parts.get(part, ()))


@dataclass(frozen=True)
class FieldRow:
    """What a variant does with one merge field; `have` and `candidates` are None without a night."""

    name: str
    use: str
    value: str | None
    places: Sequence[str]
    have: int | None = None
    candidates: int | None = None


@dataclass(frozen=True)
class VariantPreview:
    """One variant. `state` is `gets`, `later`, `missing` or `other_arm` for a user, and empty for a made-up one; `words` say it.

    `may_get`: the first of its arm that fits, where no night says in which arm the user is.
    """

    name: str
    arm: str | None
    path: str
    rank: int
    source: str
    state: str
    words: str
    missing: Sequence[str]
    shown: Sequence[Shown]
    fields: Sequence[FieldRow]
    warnings: Sequence[Problem]


@dataclass(frozen=True)
class Person:
    """A user as the published night knows them: the merge fields, and what was decided about the campaign."""

    user_id: str
    night: datetime
    values: Values
    decision: Explanation | None

    @property
    def arm(self) -> str | None:
        """The arm that the night put the user in, if the campaign had arms and the user was a candidate."""
        return self.decision.arm if self.decision else None


@dataclass(frozen=True)
class Preview:
    """A campaign's messages; `person` is None for a made-up user."""

    campaign_id: str
    name: str
    channel: str
    path: str
    person: Person | None
    variants: Sequence[VariantPreview]
    notes: Sequence[str] = field(default_factory=list)

    @property
    def gets(self) -> str | None:
        """The variant that the user would get."""
        return next((variant.name for variant in self.variants if variant.state == "gets"), None)


def preview(project: Project, campaign_id: str, user_id: str | None, database: Path | None) -> Preview:
    """Render a campaign's variants for a user of the published file, or for a made-up one.

    `database` is None where there is no published file; a user needs one. SettingsError for a campaign or user that is
    not there, or for a campaign with problems.
    """
    folder, partials = _read_campaign(project, campaign_id)
    person = None
    coverage: dict[str, tuple[int, int]] = {}
    if database is not None:
        coverage = _read_coverage(database, campaign_id)
    if user_id is not None:
        if database is None:
            raise SettingsError("a user is looked up in the published file.", "name it with --db.")
        person = _read_person(database, user_id, campaign_id)
    return _Previewer(project, folder, partials, person, coverage).preview()


def specimen(name: str) -> str:
    """A made-up value of a merge field: its own name, so that one sees what comes out where."""
    return name.replace("_", " ").capitalize()


def verdicts(shown: Preview) -> dict[str, Any]:
    """What a preview says of each variant, without a value of anybody."""
    decision = shown.person.decision if shown.person else None
    return {
        "campaign_id": shown.campaign_id,
        "user_id": shown.person.user_id if shown.person else None,
        "decision": decision.decision if decision else None,
        "reasons": decision.reasons if decision else [],
        "gets": shown.gets,
        "notes": shown.notes,
        "variants": [
            {
                "variant": variant.name,
                "arm": variant.arm,
                "rank": variant.rank,
                "missing": variant.missing,
                "renderings": [
                    {
                        "of": one.heading,
                        "aborts": one.aborted is not None,
                        "faults": [str(fault) for fault in one.faults],
                    }
                    for one in variant.shown
                ],
                "warnings": [asdict(warning) for warning in variant.warnings],
            }
            for variant in shown.variants
        ],
    }


# --- what is read -------------------------------------------------------------------------------------


def _read_campaign(project: Project, campaign_id: str) -> tuple[CampaignFolder, Mapping[str, Partial]]:
    """A campaign without problems, and the shared texts."""
    known, problems = read_known(project.root)
    folders, found = load_campaigns(project.root, known)
    folder = next((one for one in folders if one.campaign_id == campaign_id), None)
    if folder is None:
        ids = [one.campaign_id for one in folders]
        fix = did_you_mean(campaign_id, ids, "see the folders below campaigns/.")
        raise SettingsError(f"there is no campaign {campaign_id!r}.", fix)
    # settings and shared texts concern every campaign
    others = tuple(f"{one.path}/" for one in folders if one is not folder)
    mine = [one for one in [*problems, *found] if not f"{one.where}/".startswith(others)]
    if mine or folder.campaign is None:
        raise SettingsError(
            f"{campaign_id} cannot be shown while something is wrong with it.",
            "fix what is listed above; `sendworthy compile` checks all campaigns.",
            mine,
        )
    return folder, known.language.partials


def _read_coverage(database: Path, campaign_id: str) -> dict[str, tuple[int, int]]:
    """How many of the campaign's candidates have a field, and of how many, by field; nothing where no night says so."""
    with database_file.connect(database, read_only=True) as connection:
        if not _has_table(connection, COMPLETENESS):
            return {}
        found = connection.execute(
            f"select merge_field, max(users - blank_users), max(users) from marts.{COMPLETENESS} "
            "where campaign_id = ? group by merge_field",
            [campaign_id],
        ).fetchall()
    return {name: (have, users) for name, have, users in found}


def _has_table(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    query = "select count(*) from duckdb_tables() where schema_name = 'marts' and table_name = ?"
    return connection.execute(query, [name]).fetchall() != [(0,)]


def _read_person(database: Path, user_id: str, campaign_id: str) -> Person:
    with database_file.connect(database, read_only=True) as connection:
        found = database_file.rows(
            connection, "select * from marts.merge_field_values where user_id = ?", [user_id]
        )
        if not found:
            raise SettingsError(
                "nothing is known of such a user in the published night.",
                "check the id; somebody who asked to be erased, or whose profile is quarantined, is not there either.",
            )
        night = database_file.read_night(connection)
        query = "select count(*) from settings.campaigns where campaign_id = ?"
        is_known = connection.execute(query, [campaign_id]).fetchall() != [(0,)]
    values = {
        name: None if value is None else str(value) for name, value in found[0].items() if name != "user_id"
    }
    decision = explain(database, user_id, campaign_id)[1][0] if is_known else None
    return Person(user_id, night, values, decision)


# --- what is shown ------------------------------------------------------------------------------------


class _Previewer:
    """Renders a campaign's variants for one person."""

    def __init__(
        self,
        project: Project,
        folder: CampaignFolder,
        partials: Mapping[str, Partial],
        person: Person | None,
        coverage: Mapping[str, tuple[int, int]],
    ) -> None:
        self._folder = folder
        self._person = person
        self._coverage = coverage
        self._subject_limit = int(project.variable(SUBJECT_LIMIT_VARIABLE))
        self._partials = partials
        arms = {variant.analysis.arm for variant in folder.variants}
        # one that is gone says nothing
        self._arm = person.arm if person is not None and person.arm in arms else None

    def preview(self) -> Preview:
        """All variants, in the order in which they are tried."""
        campaign = self._folder.campaign
        assert campaign is not None
        variants: list[VariantPreview] = []
        for variant in self._folder.variants:
            before = [one for one in variants if one.arm == variant.analysis.arm]
            variants.append(self._variant(variant, before))
        shown = Preview(
            self._folder.campaign_id,
            campaign.name,
            str(campaign.channel),
            self._folder.path,
            self._person,
            variants,
        )
        return shown if self._person is None else self._with_notes(shown, self._person)

    def _variant(self, variant: Variant, before: Sequence[VariantPreview]) -> VariantPreview:
        """A variant, behind those of its arm that are tried before it."""
        analysis = variant.analysis
        if self._person is None:
            missing: list[str] = []
            shown = self._made_up(analysis)
            state, words = "", _for_whom(analysis, [one.name for one in before])
        else:
            values = {name: self._person.values.get(name) for name in analysis.needed}
            missing = [name for name in analysis.required if values[name] is None]
            shown = [self._show(analysis, "For this user", values)]
            is_taken = any(one.state in ("gets", "may_get") for one in before)
            state, words = _who_gets(missing, is_taken, shown[0].aborted is not None)
            if analysis.arm is not None:
                state, words = _in_arm(state, words, analysis.arm, self._arm)
        return VariantPreview(
            variant.name,
            analysis.arm,
            variant.path,
            variant.rank,
            "\n".join([analysis.body, *(self._partials[name].text for name in analysis.partials)]),
            state,
            words,
            missing,
            shown,
            self._fields(analysis, shown),
            analysis.warnings,
        )

    def _made_up(self, analysis: TemplateAnalysis) -> list[Shown]:
        """Every field filled; and every field blank that may be, if there are any."""
        filled: Values = {name: specimen(name) for name in analysis.needed}
        blank: Values = {name: value if name in analysis.required else None for name, value in filled.items()}
        shown = [self._show(analysis, "Every field filled" if filled else "For everybody", filled)]
        if blank != filled:
            heading = "Every optional field blank" if analysis.required else "Every field blank"
            shown.append(self._show(analysis, heading, blank))
        return shown

    def _show(self, analysis: TemplateAnalysis, heading: str, values: Values) -> Shown:
        rendering, faults = judge(analysis, values, self._subject_limit)
        if rendering is None:
            return Shown(heading, values, {}, None, faults, [])
        if rendering.aborted is not None:
            return Shown(heading, values, {}, rendering.aborted, faults, [])
        outcomes = _outcomes(analysis, values, rendering)
        parts = {part: _pieces(text, outcomes[part]) for part, text in rendering.texts.items()}
        blanks = list(_blanks(values, [one for ones in outcomes.values() for one in ones]))
        return Shown(heading, values, parts, None, faults, blanks)

    def _fields(self, analysis: TemplateAnalysis, shown: Sequence[Shown]) -> list[FieldRow]:
        places = _places(analysis)
        return [
            FieldRow(
                name,
                _use(analysis, name),
                shown[0].values[name],
                places.get(name, []),
                *self._coverage.get(name, (None, None)),
            )
            for name in analysis.needed
        ]

    def _with_notes(self, shown: Preview, person: Person) -> Preview:
        notes: list[str] = []
        if all(value is None for value in person.values.values()):
            notes.append("Nothing is known of this user but the id: every merge field is blank.")
        needed = {row.name for variant in shown.variants for row in variant.fields}
        if absent := sorted(needed - set(person.values)):
            notes.append(
                f"The published night does not know {_listed(absent)} yet, which counts as blank here."
            )
        if person.decision is None:
            notes.append("The published night does not know this campaign yet.")
        elif person.decision.variant not in (None, shown.gets):
            notes.append(
                f"The published night chose the variant {person.decision.variant}: the templates have changed since."
            )
        return replace(shown, notes=notes)


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _for_whom(analysis: TemplateAnalysis, before: Sequence[str]) -> str:
    of_arm = f" in the arm {analysis.arm}" if analysis.arm else ""
    order = f"Tried after {_listed(before)}" if before else f"Tried first{of_arm}"
    if not analysis.required:
        return f"{order}. It requires nothing, so everybody can get it."
    return f"{order}. It is for those who have {_listed(analysis.required)}."


def _who_gets(missing: Sequence[str], is_taken: bool, is_aborted: bool) -> tuple[str, str]:
    """The state of a variant for a user, and the sentence that says it."""
    if missing:
        are = "is" if len(missing) == 1 else "are"
        return "missing", f"Not for this user: it requires {_listed(missing)}, which {are} blank."
    if is_taken:
        return "later", "Fits this user too, but a variant that is tried before it fits already."
    if is_aborted:
        return "gets", "The user's variant, and it ends itself: nothing is sent."
    return "gets", "The user's variant: the first one whose required fields are all there."


def _in_arm(state: str, words: str, arm: str, of_person: str | None) -> tuple[str, str]:
    """The same for a variant of an arm, which only the arm's people get."""
    if of_person is None:
        unknown = "; no night says in which arm the user is"
        return ("may_get" if state == "gets" else state), f"In the arm {arm}{unknown}. {words}"
    if of_person != arm:
        return "other_arm", f"Not for this user, who is in the arm {of_person}: it is for the arm {arm}."
    return state, words


def _use(analysis: TemplateAnalysis, name: str) -> str:
    """What a variant does with a field, in words."""
    words = ["printed" if name in analysis.printed else "only tested"]
    if name in analysis.required:
        words.append("required")
    elif name in analysis.defended:
        words.append("defended")
    if name in analysis.compared:
        words.append("its value matters")
    return ", ".join(words)


@dataclass(frozen=True)
class _Outcome:
    """What an output statement printed, and the blank fields that its text stands in for (or leaves a hole for)."""

    output: Printed
    where: str
    blank: Sequence[str]


def _outcomes(analysis: TemplateAnalysis, values: Values, rendering: Rendering) -> dict[str, list[_Outcome]]:
    """The outcomes of the statements that merge fields come out of, by part."""
    return {
        part: [
            _Outcome(
                output,
                place(analysis, output.template, output.line),
                _stands_for(analysis, values, output, part, number),
            )
            for number, output in enumerate(outputs)
            if output.fields
        ]
        for part, outputs in rendering.outputs.items()
    }


def _stands_for(
    analysis: TemplateAnalysis, values: Values, output: Printed, part: str, number: int
) -> list[str]:
    """The blank fields of a statement, without those whose value would not show in it: `{{ here | default: blank }}`."""
    blank = [name for name in output.fields if values[name] is None]
    if len(blank) == len(output.fields):
        return blank
    return [
        name
        for name in blank
        if _printed(analysis, {**values, name: specimen(name)}, part, number) != output.text
    ]


def _printed(analysis: TemplateAnalysis, values: Values, part: str, number: int) -> str | None:
    """What a part's statement prints with other values, if it is reached."""
    try:
        return render_message(analysis, values).outputs[part][number].text
    except RENDER_ERRORS:
        return None


def _pieces(text: str, outcomes: Sequence[_Outcome]) -> list[Piece]:
    """A part cut into what came out of merge fields and what is the template's own."""
    pieces: list[Piece] = []
    end = 0
    for outcome in outcomes:
        if outcome.output.span is None:
            continue
        begin, last = outcome.output.span
        if begin > end:
            pieces.append(Piece(text[end:begin]))
        pieces.append(_piece(text[begin:last], outcome))
        end = last
    if end < len(text):
        pieces.append(Piece(text[end:]))
    return pieces


def _piece(text: str, outcome: _Outcome) -> Piece:
    if outcome.output.is_blank:
        what = f"{_listed(outcome.output.fields)}: blank, and nothing stands in for it"
        return Piece(text, "hole", f"{what} ({outcome.where})")
    if not outcome.blank:
        return Piece(text, "value", f"{_listed(outcome.output.fields)} ({outcome.where})")
    are = "is" if len(outcome.blank) == 1 else "are"
    what = f"{_listed(outcome.blank)} {are} blank; this is printed instead"
    return Piece(text, "stand_in", f"{what} ({outcome.where})")


def _blanks(values: Values, outcomes: Sequence[_Outcome]) -> Iterator[str]:
    """What became of each blank field that is no fault, in words."""
    for name in (name for name, value in values.items() if value is None):
        concerned = [outcome for outcome in outcomes if name in outcome.output.fields]
        instead = [
            f"“{outcome.output.text.strip()}” ({outcome.where})"
            for outcome in concerned
            # nothing is printed there, which is a fault
            if name in outcome.blank and not outcome.output.is_blank
        ]
        if instead:
            yield f"{name} is blank; printed instead: {_listed(list(dict.fromkeys(instead)))}."
        elif not concerned:
            yield f"{name} is blank; no statement prints it: a condition leaves it out or chooses other words."
        elif not any(name in outcome.blank for outcome in concerned):
            yield f"{name} is blank; it would not be printed either way."


# --- where a field stands -----------------------------------------------------------------------------


def _places(analysis: TemplateAnalysis) -> dict[str, list[str]]:
    """Where each field is printed, as file:line; for those that no statement prints by name, where it is read."""
    printed: dict[str, list[str]] = {}
    read: dict[str, list[str]] = {}
    for name, node in _nodes(analysis):
        where = place(analysis, name, line_of(node.token))
        for merge_field in names_in(node.expressions()):
            read.setdefault(merge_field, []).append(where)
            if isinstance(node, (OutputNode, EchoNode)):
                printed.setdefault(merge_field, []).append(where)
    return {name: list(dict.fromkeys(printed.get(name, found))) for name, found in read.items()}


def _nodes(analysis: TemplateAnalysis) -> Iterator[tuple[str, Node]]:
    """All nodes of a template and its partials, each with the part or partial that it stands in."""
    templates: dict[str, BoundTemplate] = {
        part: analysis.parts[part] for part in PARTS if part in analysis.parts
    }
    for template in list(templates.values())[:1]:
        templates.update({name: template.env.get_template(name) for name in analysis.partials})
    for name, template in templates.items():
        for node in walk_nodes(template.nodes, RenderContext(template)):
            yield name, node
