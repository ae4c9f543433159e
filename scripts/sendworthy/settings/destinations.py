"""Where lists go: what the description beside each export model says of a destination."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
    StringConstraints,
    ValidationError,
    model_validator,
)

from sendworthy.foundation.errors import Problem, SettingsError, did_you_mean
from sendworthy.foundation.project import Project
from sendworthy.foundation.safe_yaml import read_dbt_yaml
from sendworthy.settings.error_texts import in_words, key_of, wrong
from sendworthy.settings.seed_files import read_names

FOLDER = Path("models") / "exports"

# below the folder of a destination: of its lists, and of their changes
Folder = Literal["", "changes/"]
CHANGES: Folder = "changes/"
_PREFIX = "export_"
_NAME = re.compile(r"[a-z0-9_]+")

# a column or a member of a JSON object, and below it, behind points, members of what it holds
Place = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_ ]*(\.[A-Za-z_][A-Za-z0-9_]*)*$", max_length=200)
]
Column = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_ ]*$", max_length=100)]


class _Strict(BaseModel):
    """No value is taken for another type, and no key is passed over."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class Places(_Strict):
    """Where a row of a file says what `sendworthy verify` looks at; what has no place there is not looked at."""

    campaign: Place
    message: Place
    user: Place | None = None
    variant: Place | None = None
    send_at: Place | None = None
    valid_until: Place | None = None


class Envelope(_Strict):
    """A line of the file is a whole request: `items` is the member that holds the rows, `rest` what else is in it."""

    items: Column
    rest: dict[str, Any] = Field(default_factory=dict)


class Form(_Strict):
    """How the files of a destination are named and read, as the manifest says it."""

    format: Literal["csv", "jsonl", "parquet"]
    channels: Annotated[list[Literal["email", "sms", "push"]], Field(min_length=1)]
    says: Places
    file_columns: list[Column] | None = None
    envelope: Envelope | None = None
    one_per_address: bool = False
    is_named_by_run: bool = False
    # in files of changes only: the column, or the member, that says what became of a row
    change: Column | None = None

    def takes(self, channel: str | None) -> bool:
        """Whether a campaign of the channel has a file here; nobody knows what one without a channel is, so it has."""
        return channel is None or channel in self.channels

    @property
    def campaign_column(self) -> str:
        """The column of the export model that says which campaign a row is of."""
        return self.says.campaign if self.file_columns is None else "campaign_id"

    @property
    def message_column(self) -> str:
        """The column of the export model that is the message's key."""
        return self.says.message if self.file_columns is None else "dispatch_id"

    def columns(self, of_model: Sequence[str]) -> list[str]:
        """The columns of the file, of those that the model has."""
        return list(of_model) if self.file_columns is None else self.file_columns


class Limit(_Strict):
    """What the destination takes at most, and whose page says so."""

    value: PositiveInt
    source: str
    is_verified: bool = True


class Rate(_Strict):
    """How many requests the destination takes within how many seconds, and whose page says so."""

    requests: PositiveInt
    seconds: PositiveInt
    source: str
    is_verified: bool = True


class Limits(_Strict):
    """What the destination takes at most; what is not said has no limit that is known. MB are millions of bytes.

    Those of requests and items are kept by the lines of a file that are requests, and by `sendworthy push`.
    """

    max_file_bytes: Limit | None = None
    max_rows: Limit | None = None
    max_columns: Limit | None = None
    max_request_items: Limit | None = None
    max_request_bytes: Limit | None = None
    max_item_bytes: Limit | None = None
    max_value_bytes: Limit | None = None
    rates: list[Rate] = Field(default_factory=list)

    def of(self, name: str) -> int | None:
        """A limit by its name, None where there is none."""
        limit: Limit | None = getattr(self, name)
        return limit.value if limit else None


class Blank(_Strict):
    """What a blank value does at the destination, and whether its files can take a value away."""

    says: Literal["json_null", "empty_keeps", "empty_clears"]
    can_remove: bool
    source: str
    is_verified: bool = True


class Record(_Strict):
    """What the destination keeps of a person, and where a row of a file says it: what `sendworthy.delivery.deltas` goes by.

    `attributes` is the JSON object that holds the attributes, where that is not the whole row; `is_text` where it is a text
    in JSON. `is_replaced`: an import leaves nothing of the record that was there. `is_per_campaign`: each campaign has a
    list of its own, so that a row of one campaign leaves those of the others alone.
    """

    person: Column
    attributes: Column | None = None
    is_text: bool = False
    blank_fields: Column | None = None
    is_replaced: bool = False
    is_per_campaign: bool = False


class Description(Form):
    """What meta.destination of an export model says."""

    label: str
    blank: Blank
    # false: a row is a message, and what is taken back is named by its dispatch id
    keeps_people: bool = True
    limits: Limits = Limits()
    fields: dict[str, Column] = Field(default_factory=dict)
    record: Record | None = None

    @model_validator(mode="after")
    def _are_requests(self) -> Description:
        if self.envelope and (self.format != "jsonl" or self.limits.max_rows):
            what = "requests are lines of a jsonl file, and max_rows is not for them"
            raise wrong(what, "say format: jsonl, and max_request_items instead of max_rows", "envelope")
        if self.format == "jsonl" and len(self.file_columns or ()) != 1:
            what = "a jsonl file has one column, whose values are the lines or the items of requests"
            raise wrong(what, "name it: file_columns: [payload]", "file_columns")
        return self

    @model_validator(mode="after")
    def _can_write_changes(self) -> Description:
        record = self.record
        if record is None:
            return self
        if self.says.user is None:
            what = "says.user is missing: nobody could be taken out of the changes who asks to be forgotten"
            raise wrong(what, "say where a row has its user", "record")
        if self.format != "jsonl" and not record.is_replaced:
            if self.blank.says != "empty_keeps":
                what = "an empty cell clears, so a row cannot leave a value alone"
                raise wrong(what, "say is_replaced: true, so that rows are written in full", "record")
            if record.blank_fields is None:
                what = "blank_fields is missing: an empty cell does not say whether the field is blank or not printed"
                raise wrong(what, "name the column that says which fields are blank", "record")
        if record.is_per_campaign and (self.change is None or not record.is_replaced):
            what = "is_per_campaign needs change, and is_replaced: true"
            raise wrong(what, "name the column that says what became of a row", "record")
        return self

    @property
    def form(self) -> Form:
        """What a reader of the files needs."""
        return Form(**{name: getattr(self, name) for name in Form.model_fields})


class Destination(Description):
    """A destination: its name, and what its description says."""

    name: str

    @property
    def model(self) -> str:
        """The relation of its export model."""
        return model_of(self.name)


def model_of(name: str) -> str:
    """The relation of a destination's export model."""
    return f"exports.{_PREFIX}{name}"


def list_path(
    name: str, form: Form, campaign_id: str, run_id: str, part: int = 1, folder: Folder = ""
) -> str:
    """Where a campaign's list, or a further part of it, lies below the night's folder; its changes lie in a folder of theirs."""
    run = f".{run_id}" if form.is_named_by_run else ""
    number = f".part-{part}" if part > 1 else ""
    return f"{name}/{folder}{campaign_id}{run}{number}.{form.format}"


def as_form(form: Form) -> dict[str, Any]:
    """A form as plain JSON values, as the manifest has it."""
    return form.model_dump(exclude_defaults=True)


def load_destinations(root: Path) -> dict[str, Destination]:
    """Every destination of the project, by name; SettingsError with everything that is wrong with the descriptions."""
    problems: list[Problem] = []
    found: dict[str, Destination] = {}
    merge_fields = read_names(root, "merge_fields")
    for path in sorted((root / FOLDER).glob("*.yml")):
        where = path.relative_to(root).as_posix()
        try:
            read = read_dbt_yaml(path, root)
            models = [(str(model["name"]), model) for model in (read or {}).get("models", [])]
        except (OSError, ValueError, yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
            problems.append(
                Problem(where, "", f"it cannot be read ({type(error).__name__}).", "fix the YAML.")
            )
            continue
        for model, described in models:
            for key, what, fix in _describe(path.parent, model, described, merge_fields, found):
                problems.append(Problem(where, f"{model}.{key}" if key else model, what, fix))
    for path in sorted((root / FOLDER).glob(f"{_PREFIX}*.sql")):
        if path.stem.removeprefix(_PREFIX) not in found and not problems:
            problems.append(
                Problem(
                    path.relative_to(root).as_posix(),
                    "",
                    "no description beside it says what the destination takes.",
                    f"write {path.stem}.yml; docs/add-a-destination.md shows how.",
                )
            )
    if problems:
        raise SettingsError(
            "the descriptions of the destinations are not in order; nothing was written.",
            "fix what is named above; docs/add-a-destination.md has every key.",
            problems,
        )
    return found


def _describe(
    folder: Path,
    model: str,
    described: Any,
    merge_fields: Collection[str],
    found: dict[str, Destination],
) -> Iterator[tuple[str, str, str]]:
    """Add a model's destination to those found, or say what is wrong with it: the key, what, and what to do."""
    name = model.removeprefix(_PREFIX)
    try:
        destination = described["config"]["meta"]["destination"]
    except (KeyError, TypeError):
        fix = "say what the destination takes; docs/add-a-destination.md shows how."
        yield "", "config.meta.destination is not there.", fix
        return
    if not _NAME.fullmatch(name):
        what = (
            "a folder and files are called after a destination: its name is of small letters, digits and _."
        )
        yield "", what, f"call the model {_PREFIX}<destination>, as export_acme."
    elif not model.startswith(_PREFIX) or not (folder / f"{model}.sql").is_file():
        what = f"there is no {_PREFIX}<destination>.sql of this name beside it."
        yield "", what, "name the model and its two files alike."
    else:
        try:
            description = Description.model_validate(destination)
        except ValidationError as error:
            for item in error.errors(include_url=False):
                what, fix = in_words(item, Description)
                fix = f"{fix.rstrip('.')}; docs/add-a-destination.md has every key."
                yield ".".join(map(str, key_of(item))), f"{what}.", fix
            return
        unknown = list(_unknown_columns(description, described.get("columns")))
        for key, column, columns in unknown:
            yield key, *_no_column(key, column, columns)
        # nothing is known where the seed cannot be read
        strange = [field for field in description.fields if merge_fields and field not in merge_fields]
        for field in strange:
            fix = did_you_mean(field, merge_fields, "name one of seeds/merge_fields.csv.")
            yield f"fields.{field}", f"there is no merge field {field!r}.", fix
        if not unknown and not strange:
            found[name] = Destination(name=name, **dict(description))


def _no_column(key: str, column: str, columns: Sequence[str]) -> tuple[str, str]:
    """In words, that a key names a column that is not there, and what to do."""
    what = f"there is no column {column!r}"
    if key != "columns":
        return f"{what}.", did_you_mean(column, columns, f"name one of {', '.join(columns)}.")
    return (
        f"{what}: with file_columns, campaigns, changes and what is taken back are found by it.",
        f"add {column} to the model and to its columns here; the file keeps to file_columns.",
    )


def _unknown_columns(description: Description, listed: Any) -> Iterator[tuple[str, str, list[str]]]:
    """Each key that names a column that is not there, with the columns that are; what is inside of JSON, only its rows say."""
    columns = [
        str(column["name"]) for column in listed or [] if isinstance(column, dict) and "name" in column
    ]
    for name in description.file_columns or ():
        if name not in columns:
            yield "file_columns", name, columns
    if description.file_columns is not None:
        for name in ("campaign_id", "dispatch_id", "user_id"):
            if name not in columns:
                yield "columns", name, columns
    if description.format == "jsonl":
        return
    in_file = description.columns(columns)
    says = {f"says.{key}": place for key, place in description.says if place}
    record = description.record
    named = {
        "record.person": record and record.person,
        "record.attributes": record and record.attributes,
        "record.blank_fields": record and record.blank_fields,
    }
    for key, place in {**says, **named}.items():
        column = place.partition(".")[0] if place else ""
        if column and column not in in_file:
            yield key, column, in_file


def choose_destinations(project: Project, names: Sequence[str]) -> list[Destination]:
    """The named destinations, or those of the variable `destinations`; SettingsError for one that is not there."""
    known = load_destinations(project.root)
    wanted = list(names) or project.variable("destinations")
    if not isinstance(wanted, list) or not wanted:
        raise SettingsError(
            "dbt_project.yml: the variable destinations is no list of names.",
            f"name some of {', '.join(sorted(known))}.",
        )
    where = "" if names else "dbt_project.yml, variable destinations: "
    for name in wanted:
        if name not in known:
            choice = f"choose among {', '.join(sorted(known))}."
            raise SettingsError(
                f"{where}there is no destination {name!r}.", did_you_mean(str(name), known, choice)
            )
    return [known[name] for name in dict.fromkeys(wanted)]


def with_others(
    chosen: Sequence[Destination], known: Mapping[str, Destination], folder: Path
) -> list[Destination]:
    """The chosen destinations, and the others that `folder` has files of: it is replaced as a whole, and nobody is to lose theirs."""
    names = dict.fromkeys(destination.name for destination in chosen)
    names |= dict.fromkeys(name for name in _folders_in(folder) if name in known)
    return [known[name] for name in names]


def refuse_foreign(folder: Path, known: Mapping[str, Destination]) -> None:
    """SettingsError where something else stands in place of a night's folder, which is going to be replaced."""
    there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if (folder.exists() and not folder.is_dir()) or (there - known.keys() and "manifest.json" not in there):
        raise SettingsError(
            f"{folder} is there already, and is no night: it has no manifest.json. A night would replace it.",
            "move it away, or write elsewhere with --out.",
        )


def refuse_to_lose(folder: Path, known: Mapping[str, Destination]) -> None:
    """SettingsError where a folder that is going to be replaced holds one of something that is no destination any more."""
    strange = [name for name in _folders_in(folder) if name not in known]
    if strange:
        raise SettingsError(
            f"{folder} has {', '.join(strange)}, which is no destination of this project, and would be lost.",
            "move it to another place, or write elsewhere with --out.",
        )


def _folders_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
