"""A campaign's messages as a page: what is on it, that no value becomes markup, and what a browser makes of it."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import struct
import subprocess
from collections.abc import Mapping
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import pytest
from sendworthy.campaigns.model import CAMPAIGNS_DIR, MERGE_FIELDS_CSV
from sendworthy.foundation.errors import SettingsError
from sendworthy.foundation.project import Project
from sendworthy.inspect.preview import Preview, VariantPreview, preview, verdicts
from sendworthy.inspect.preview_page import as_html, document, is_html, write_page
from sendworthy.settings.seed_files import SEGMENT_FLAGS_SQL

from tests.support.projects import ROOT, sendworthy

MAIL, TEXT, PUSH = "welcome__new__email", "win_back__lapsing__sms", "nearby_offer__near_place__push"
HOSTILE = "\"><img src=x onerror=\"document.title='hacked'\"><script>document.title='hacked'</script>"
NOTED = "Greta"

TEMPLATES = {
    MAIL: {
        "personalized": """---
subject: "{{ first_name }}, news from {{ city | default: 'your town' }}"
preheader: "{% if country %}Delivery to {{ country }}{% else %}Delivery everywhere{% endif %}"
---
<h1>Hello {{ first_name }}</h1>
<p title="{{ city | default: "no city" }}">Tom &amp; Ann greet {{ last_name | default: "you" }}.</p>
<style>p { color: {{ favorite_category | default: "teal" }} }</style>
""",
        "default": """---
subject: Hello
---
Hello {{ first_name | default: "there" }},

{% assign place = city | default: "your town" %}this is new in {{ place }}: a < b.
""",
    },
    TEXT: {
        "personalized": "{% if first_name == blank %}{% abort_message('no name') %}{% endif %}Hello {{ first_name }}"
    },
    PUSH: {
        "default": "---\nsubject: Near you\n---\nTen percent off{% if place_name %} at {{ place_name }}{% endif %}."
    },
}

SETTINGS = """
name: A <b>bold</b> & "quoted" name
kind: {kind}
channel: {channel}
audience: {{segment: {segment}}}
cooldown_days: 7
priority: {{impact: 5, confidence: 5, ease: 5}}
send_hour_local: 9
owner: crm-team
escalation_contact: crm@example.com
brief:
  goal: People have a look
  larger_goal: More visits end in an order
  customer_need: Knowing what is new
  customer_experience: One message
  drawbacks: Some are annoyed
  capabilities: The shop's events
  still_needed: Pictures
  success_event: order_completed
  success_window_days: 7
  evaluation: none
  evaluation_reason: It is only tried here
"""

PEOPLE: Mapping[str, Mapping[str, str]] = {
    "u1": {"first_name": NOTED, "last_name": "Jensen", "city": "Aarhus", "country": "DK"},
    "nameless": {"last_name": "Jensen"},
    "hostile": {name: HOSTILE for name in ("first_name", "last_name", "city", "country", "place_name")},
    "empty": {},
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Three campaigns, and what is needed to read them."""
    root = tmp_path_factory.mktemp("project")
    for name in ("dbt_project.yml", MERGE_FIELDS_CSV, SEGMENT_FLAGS_SQL):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, root / name)
    for campaign_id, variants in TEMPLATES.items():
        kind, segment, channel = campaign_id.split("__")
        folder = root / CAMPAIGNS_DIR / campaign_id
        folder.mkdir(parents=True)
        settings = SETTINGS.format(kind=kind, segment=segment, channel=channel)
        (folder / "campaign.yml").write_text(settings, encoding="utf-8")
        for name, text in variants.items():
            (folder / f"{name}.liquid").write_text(text, encoding="utf-8")
    return Project(root)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the tables of a published night that a preview reads, of the people above."""
    file = tmp_path_factory.mktemp("published") / "night.duckdb"
    fields = [
        line.split(",")[0] for line in (ROOT / MERGE_FIELDS_CSV).read_text("utf-8").split("\n")[1:] if line
    ]
    with duckdb.connect(str(file)) as connection:
        connection.execute(
            """
            create schema marts; create schema settings; create schema intermediate;
            create table intermediate.int_nights__as_of as select timestamp '2026-06-01' as as_of;
            create table intermediate.int_events__triggers (
                trigger_event text, min_age_seconds bigint, user_id text, trigger_at timestamp
            );
            create table settings.campaigns (
                campaign_id text, name text, channel text, topic text, min_age_hours int, max_age_hours int,
                cooldown_days int, pilot_percent double, valid_from date, valid_to date, audience_segment text,
                trigger_event text
            );
            create table marts.customers (user_id text, segments text[]);
            create table marts.campaign_decisions (
                user_id text, campaign_id text, channel text, decision text, reasons text[], variant text,
                trigger_at timestamp, lost_to text[], send_at timestamp, arm text
            );
            create table marts.personalization_completeness (
                campaign_id text, variant text, merge_field text, users bigint, blank_users bigint
            );
            """
        )
        seed = ROOT / "seeds/reasons.csv"
        connection.execute(f"create table settings.reasons as from read_csv('{seed}', header = true)")
        for campaign_id in (MAIL, PUSH):
            connection.execute(
                "insert into settings.campaigns by name select ? as campaign_id, 'email' as channel, 7 as cooldown_days, 100 as pilot_percent",
                [campaign_id],
            )
        connection.executemany(
            "insert into marts.campaign_decisions values (?, ?, 'email', ?, ?, ?, null, [], timestamp '2026-06-01 07:00', null)",
            [
                ("u1", MAIL, "send", [], "personalized"),
                ("nameless", MAIL, "suppress", ["cooldown"], "named"),
            ],
        )
        connection.execute(
            "insert into marts.personalization_completeness values (?, 'personalized', 'first_name', 1200, 300)",
            [MAIL],
        )
        columns = ", ".join(f"{name} text" for name in fields)
        connection.execute(f"create table marts.merge_field_values (user_id text, {columns})")
        for user_id, values in PEOPLE.items():
            connection.execute("insert into marts.customers values (?, [])", [user_id])
            connection.execute(
                f"insert into marts.merge_field_values values (?{', ?' * len(fields)})",
                [user_id, *(values.get(name) for name in fields)],
            )
    return file


def variant(shown: Preview, name: str) -> VariantPreview:
    return next(one for one in shown.variants if one.name == name)


class Elements(HTMLParser):
    """The elements of a page, with their attributes; a browser's own reading is tested below."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


# --- what is on the page --------------------------------------------------------------------------------


CAMPAIGNS = sorted(path.parent.name for path in (ROOT / CAMPAIGNS_DIR).glob("*/campaign.yml"))


def test_every_campaign_has_a_page_without_faults() -> None:
    assert len(CAMPAIGNS) >= 27
    for campaign_id in CAMPAIGNS:
        shown = preview(Project(ROOT), campaign_id, None, None)
        page = as_html(shown)
        for one in shown.variants:
            assert f'id="variant-{one.name}"' in page
            assert [rendering.faults for rendering in one.shown] == [[]] * len(one.shown)
            for rendering in one.shown:
                assert rendering.text("body").strip() and not rendering.aborted
            assert [row.name for row in one.fields if not row.places] == []
        assert "http-equiv=" in page and "<script" not in page and "url(" not in page and "<link" not in page


def test_a_made_up_user_is_shown_filled_and_with_every_optional_field_blank(project: Project) -> None:
    filled, blank = variant(preview(project, MAIL, None, None), "personalized").shown
    assert filled.text("subject") == "First name, news from City"
    assert blank.text("subject") == "First name, news from your town"
    assert blank.text("preheader") == "Delivery everywhere"
    assert [(piece.text, piece.kind) for piece in blank.parts["subject"]] == [
        ("First name", "value"),
        (", news from ", ""),
        ("your town", "stand_in"),
    ]
    where = f"campaigns/{MAIL}/personalized.liquid"
    assert blank.parts["subject"][-1].title == f"city is blank; this is printed instead ({where}:2)"
    assert (
        f"city is blank; printed instead: “your town” ({where}:2) and “no city” ({where}:6)." in blank.blanks
    )
    assert any(told.startswith("country is blank; no statement prints it") for told in blank.blanks)
    assert (filled.blanks, filled.faults, blank.faults) == ([], [], [])


def test_a_value_that_passes_through_a_name_is_marked_too(project: Project) -> None:
    _, blank = variant(preview(project, MAIL, None, None), "default").shown
    marked = [piece.text for piece in blank.parts["body"] if piece.kind == "stand_in"]
    assert marked == ["there", "your town"]
    page = as_html(preview(project, MAIL, None, None))
    assert re.search(
        r'<mark class="stand_in" title="first_name is blank;[^"]*default.liquid:4\)">there</mark>', page
    )
    assert "a &lt; b." in page, "a plain body is no HTML"


def test_a_fallback_that_is_a_field_itself_stands_in_only_where_it_is_needed(
    project: Project, published: Path, tmp_path: Path
) -> None:
    root = tmp_path / "project"
    shutil.copytree(project.root, root)
    fallback = '{{ first_name | default: last_name | default: "you" }}'
    (root / CAMPAIGNS_DIR / MAIL / "default.liquid").write_text(
        f"---\nsubject: s\n---\n{fallback}{{% if city %}}{{{{ city | default: favorite_category | default: 'x' }}}}{{% endif %}}",
        encoding="utf-8",
    )
    told = {}
    for user in ("u1", "nameless", "empty"):
        (one,) = variant(preview(Project(root), MAIL, user, published), "default").shown
        told[user] = [(piece.text, piece.kind, piece.title.partition(";")[0]) for piece in one.parts["body"]]
        if user == "u1":
            assert one.blanks == ["favorite_category is blank; it would not be printed either way."]
    where = f"campaigns/{MAIL}/default.liquid:4"
    assert told["u1"] == [
        (NOTED, "value", f"first_name and last_name ({where})"),
        ("Aarhus", "value", f"city and favorite_category ({where})"),
    ]
    assert told["nameless"] == [("Jensen", "stand_in", "first_name is blank")]
    assert told["empty"] == [("you", "stand_in", "first_name and last_name are blank")]


def test_a_user_gets_the_first_variant_that_can_be_filled(project: Project, published: Path) -> None:
    shown = preview(project, MAIL, "u1", published)
    assert shown.gets == "personalized"
    assert [one.state for one in shown.variants] == ["gets", "later"]
    assert variant(shown, "personalized").shown[0].text("subject") == f"{NOTED}, news from Aarhus"
    nameless = preview(project, MAIL, "nameless", published)
    assert (nameless.gets, [one.missing for one in nameless.variants]) == ("default", [["first_name"], []])
    (rendering,) = variant(nameless, "personalized").shown
    assert [piece.kind for piece in rendering.parts["subject"]] == ["hole", "", "stand_in"]
    assert [fault.what for fault in rendering.faults] == ["a blank first_name would be printed"] * 2
    assert "it requires first_name, which is blank" in variant(nameless, "personalized").words


def test_a_user_is_shown_what_their_own_arm_gets(project: Project, published: Path, tmp_path: Path) -> None:
    """Of the other arm nothing; where no night has put them into an arm, what each would be."""
    root = shutil.copytree(project.root, tmp_path / "project")
    folder = root / CAMPAIGNS_DIR / MAIL
    for arm in ("plain", "urgent"):
        for name, text in TEMPLATES[MAIL].items():
            own = text.replace("---\n", f"---\narm: {arm}\n", 1)
            (folder / f"{arm}_{name}.liquid").write_text(own, encoding="utf-8")
    for name in TEMPLATES[MAIL]:
        (folder / f"{name}.liquid").unlink()
    settings = (folder / "campaign.yml").read_text(encoding="utf-8")
    arms = "experiment: {arms: {urgent: 50, plain: 50}}\n"
    (folder / "campaign.yml").write_text(settings + arms, encoding="utf-8")
    database = tmp_path / "night.duckdb"
    shutil.copy(published, database)

    def states(user: str, of_night: str | None) -> tuple[dict[str, str], str | None]:
        with duckdb.connect(str(database)) as connection:
            connection.execute("update marts.campaign_decisions set arm = ?", [of_night])
        shown = preview(Project(root), MAIL, user, database)
        page = as_html(shown)
        assert "This user gets no variant" not in page
        return {one.name: one.state for one in shown.variants}, shown.gets

    assert states("u1", "plain") == (
        {
            **{"urgent_personalized": "other_arm", "urgent_default": "other_arm"},
            **{"plain_personalized": "gets", "plain_default": "later"},
        },
        "plain_personalized",
    )
    # one that the campaign does not have any more says nothing
    for unknown in (None, "gone"):
        assert states("u1", unknown) == (
            {
                **{"urgent_personalized": "may_get", "urgent_default": "later"},
                **{"plain_personalized": "may_get", "plain_default": "later"},
            },
            None,
        )
    made_up = preview(Project(root), MAIL, None, None)
    assert [one.words.partition(".")[0] for one in made_up.variants] == [
        "Tried first in the arm urgent",
        "Tried after urgent_personalized",
        "Tried first in the arm plain",
        "Tried after plain_personalized",
    ]
    assert verdicts(made_up)["variants"][0]["arm"] == "urgent"


def test_the_decision_and_what_the_night_did_not_know_are_shown(project: Project, published: Path) -> None:
    page = as_html(preview(project, MAIL, "nameless", published))
    assert "suppress</b>" in page and "this campaign reached them within the last 7 days" in page
    assert "The published night chose the variant named: the templates have changed since." in page
    assert (
        "The published night does not know this campaign yet."
        in preview(project, TEXT, "u1", published).notes
    )
    empty = preview(project, TEXT, "empty", published)
    assert "every merge field is blank" in empty.notes[0]
    assert empty.gets is None and "<b>This user gets no variant:</b>" in as_html(empty)


def test_a_message_that_ends_itself_says_so(project: Project, published: Path) -> None:
    (rendering,) = preview(project, TEXT, "empty", published).variants[0].shown
    assert (rendering.aborted, rendering.faults, rendering.blanks) == ("no name", [], [])
    assert "The message ends itself, so nothing is sent: no name." in as_html(
        preview(project, TEXT, "empty", published)
    )


def test_the_fields_are_listed_with_their_use_place_and_coverage(project: Project, published: Path) -> None:
    shown = preview(project, MAIL, "u1", published)
    rows = {row.name: row for row in variant(shown, "personalized").fields}
    assert {name: row.use for name, row in rows.items()} == {
        "city": "printed, defended",
        "country": "printed, defended",
        "favorite_category": "printed, defended",
        "first_name": "printed, required",
        "last_name": "printed, defended",
    }
    assert (rows["first_name"].value, rows["first_name"].have, rows["first_name"].candidates) == (
        NOTED,
        900,
        1200,
    )
    assert rows["favorite_category"].value is None
    folder = f"campaigns/{MAIL}/personalized.liquid"
    assert rows["country"].places == [f"{folder}:3"]
    assert rows["first_name"].places == [f"{folder}:2", f"{folder}:5"]
    assert "75 % (900 of 1,200)" in as_html(shown)
    made_up = variant(preview(project, MAIL, None, published), "personalized")
    assert next(row.have for row in made_up.fields if row.name == "first_name") == 900
    assert next(row.have for row in made_up.fields if row.name == "city") is None


def test_a_mark_stands_only_in_text_of_an_html_body(project: Project) -> None:
    one = variant(preview(project, MAIL, None, None), "personalized")
    assert is_html(one, "email") and not is_html(one, "push")
    blank = document(one.shown[1])
    assert '<p title="no city">' in blank and "color: teal }" in blank
    assert re.search(r"Tom &amp; Ann greet <mark [^<>]*>you</mark>\.", blank)
    assert "Hello <span " in blank


@pytest.mark.parametrize(
    "body",
    [
        "<p>{{ city | default: 'x' }}",
        "<title>{{ city | default: 'x' }}</title><p>a",
        "<!-- {{ city | default: 'x' }} --><p>a",
        "<a href=\"{{ city | default: 'x' }}\">a</a>",
        "<p>{{ city | default: '<b>x</b>' }}</p>",
        "<p>&amp;{{ city | default: 'x' }}&#8202;</p>",
        "<p>{% ifchanged %}{{ city | default: 'x' }}{% endifchanged %}{{ city | default: 'y' }}</p>",
        "<p>{% capture g %}{{ city | default: 'x' }}{% endcapture %}{{ g }}{{ g }}</p>\n\n",
    ],
)
def test_marks_change_nothing_else_of_a_body(project: Project, tmp_path: Path, body: str) -> None:
    root = tmp_path / "project"
    shutil.copytree(project.root, root)
    (root / CAMPAIGNS_DIR / MAIL / "default.liquid").write_text(
        f"---\nsubject: s\n---\n{body}", encoding="utf-8"
    )
    for one in variant(preview(Project(root), MAIL, None, None), "default").shown:
        made = document(one)
        bare = re.sub(r"</?(?:mark|span)\b[^>]*>", "", made)
        assert bare.endswith(one.text("body"))
        is_marked = "<mark" in made or "<span" in made
        assert is_marked == (not body.startswith(("<title>", "<!--", "<a"))) or "<b>" in one.text("body")


# --- nothing becomes markup -----------------------------------------------------------------------------


def test_hostile_values_stay_text(project: Project, published: Path) -> None:
    tame, hostile = (as_html(preview(project, MAIL, user, published)) for user in ("u1", "hostile"))
    told = [(tag, sorted(attributes)) for tag, attributes in Elements(tame).found]
    found = Elements(hostile).found
    tags = [tag for tag, _ in found]
    assert not {"script", "img", "b bold"} & set(tags)
    assert not [name for _, attributes in found for name in attributes if name.startswith("on")]
    assert tags.count("iframe") == 1
    (frame,) = [attributes for tag, attributes in found if tag == "iframe"]
    assert frame["sandbox"] is None and HOSTILE in str(frame["srcdoc"])
    # the same page but for what the decision and the faults say
    shared = {"table", "tr", "td", "section", "iframe", "style", "meta", "title", "h1", "h2"}
    assert [one for one in told if one[0] in shared] == [
        (tag, sorted(attributes)) for tag, attributes in found if tag in shared
    ]
    assert HOSTILE not in hostile
    assert "<b>bold</b>" not in tame and "A &lt;b&gt;bold&lt;/b&gt; &amp;" in tame


def test_hostile_values_of_a_push_message_stay_text(project: Project, published: Path) -> None:
    page = as_html(preview(project, PUSH, "hostile", published))
    assert HOSTILE not in page and "&lt;script&gt;document.title" in page


# --- the file -------------------------------------------------------------------------------------------


def test_only_the_owner_can_read_the_page_of_a_user(
    project: Project, published: Path, tmp_path: Path
) -> None:
    page = tmp_path / "deep" / "page.html"
    made_up = preview(project, MAIL, None, None)
    before = os.umask(0o022)
    try:
        write_page(made_up, page)
        assert stat.S_IMODE(page.stat().st_mode) == 0o644
        write_page(preview(project, MAIL, "u1", published), page)
        assert stat.S_IMODE(page.stat().st_mode) == 0o600
        assert "This page holds personal values" in page.read_text("utf-8")
        write_page(made_up, page)
        assert stat.S_IMODE(page.stat().st_mode) == 0o644
    finally:
        os.umask(before)
    assert NOTED not in page.read_text("utf-8")
    assert [path.name for path in page.parent.iterdir()] == ["page.html"]


def test_verdicts_hold_no_value(project: Project, published: Path) -> None:
    told = verdicts(preview(project, MAIL, "u1", published))
    assert (told["gets"], told["decision"], told["reasons"]) == ("personalized", "send", [])
    assert not any(value in json.dumps(told) for value in PEOPLE["u1"].values())


# --- the command ----------------------------------------------------------------------------------------


def test_the_command_writes_a_page_without_any_night(project: Project) -> None:
    result = sendworthy("preview", PUSH, cwd=project.root)
    page = project.root / "target" / "preview" / f"{PUSH}.html"
    assert result.returncode == 0 and str(page) in result.stdout, result.stderr
    assert "Ten percent off at" in page.read_text("utf-8")


def test_the_command_shows_a_user_of_the_published_file(
    project: Project, published: Path, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    options = ("--project-dir", project.root, "--db", published, "--output", page)
    result = sendworthy("preview", MAIL, "--user", "nameless", *options)
    assert result.returncode == 0, result.stderr
    assert "it holds personal values" in result.stderr and "it requires first_name" in result.stdout
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    told = json.loads(sendworthy("preview", MAIL, "--user", "u1", *options, "--json").stdout)
    assert (told["page"], told["gets"], told["decision"]) == (str(page), "personalized", "send")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("welcome__new__emial",), f'did you mean "{MAIL}"?'),
        (("../../etc",), "there is no campaign"),
        ((MAIL, "--user", "u1"), "there is no published file"),
        ((MAIL, "--db", "none.duckdb"), "there is no published file"),
        ((MAIL, "--user", "nobody", "--db", "PUBLISHED"), "nothing is known of such a user"),
    ],
)
def test_what_is_not_there_is_said_in_words(
    project: Project, published: Path, arguments: tuple[str, ...], words: str
) -> None:
    given = [str(published) if argument == "PUBLISHED" else argument for argument in arguments]
    result = sendworthy("preview", *given, "--json", cwd=project.root)
    assert result.returncode == 2, result.stdout + result.stderr
    assert words in result.stderr and "nobody" not in result.stderr
    assert json.loads(result.stdout)["exit_code"] == 2


def test_a_campaign_with_problems_is_not_shown_but_its_neighbour_is(project: Project, tmp_path: Path) -> None:
    root = tmp_path / "project"
    shutil.copytree(project.root, root)
    (root / CAMPAIGNS_DIR / MAIL / "default.liquid").write_text("Hello {{ first_nmae }}", encoding="utf-8")
    with pytest.raises(SettingsError) as raised:
        preview(Project(root), MAIL, None, None)
    assert {problem.where.rpartition("/")[2] for problem in raised.value.problems} == {"default.liquid:1"}
    assert preview(Project(root), PUSH, None, None).variants


# --- a real browser -------------------------------------------------------------------------------------

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars"),
)
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")


def browse(page: Path, profile: Path, *options: str) -> str:
    command = [str(BROWSER), *QUIET, f"--user-data-dir={profile}", *options, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


@needs_browser
def test_a_browser_runs_nothing_of_a_hostile_page(project: Project, published: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    write_page(preview(project, MAIL, "hostile", published), page)
    seen = browse(page, tmp_path / "profile", "--dump-dom")
    assert f"<title>Preview of {MAIL}</title>" in seen, "a script ran"
    found = Elements(seen).found
    assert not {"script", "img"} & {tag for tag, _ in found}
    assert ("stand_in" in seen) and [attributes for tag, attributes in found if tag == "mark"]
    # the same body without the sandbox and the policy does run: the browser would have
    loose = tmp_path / "loose.html"
    loose.write_text(
        document(variant(preview(project, MAIL, "hostile", published), "personalized").shown[0]), "utf-8"
    )
    assert "<title>hacked</title>" in browse(loose, tmp_path / "other", "--dump-dom")


@needs_browser
@pytest.mark.parametrize(("width", "height"), [(1280, 1000), (360, 800)])
def test_a_browser_draws_the_page(project: Project, tmp_path: Path, width: int, height: int) -> None:
    page, picture = tmp_path / "page.html", tmp_path / "page.png"
    write_page(preview(project, MAIL, None, None), page)
    browse(page, tmp_path / "profile", f"--window-size={width},{height}", f"--screenshot={picture}")
    drawn = picture.read_bytes()
    assert drawn[:8] == b"\x89PNG\r\n\x1a\n" and len(drawn) > 10_000
    assert struct.unpack(">II", drawn[16:24]) == (width, height)


@needs_browser
@pytest.mark.parametrize("user", [None, "hostile"])
def test_nothing_is_wider_than_a_phone(
    project: Project, published: Path, tmp_path: Path, user: str | None
) -> None:
    page = tmp_path / "page.html"
    html = as_html(preview(project, MAIL, user, published))
    # a frame is as narrow as one wants, a window is not; the script is the test's own, in a copy that lets it run
    copy = escape(re.sub(r"<meta http-equiv[^>]*>", "", html))
    told = "document.title = frames[0].document.documentElement.scrollWidth"
    page.write_text(f'''<iframe width="360" onload="{told}" srcdoc="{copy}"></iframe>''', encoding="utf-8")
    assert "<title>360</title>" in browse(page, tmp_path / "profile", "--dump-dom")
