"""The Data Docs: pages that ask nothing of the network, and say what failed first."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from sendworthy.audit.data_docs import AuditedList, CheckedItem, write_data_docs

NIGHT = datetime(2026, 6, 1)
HOLDS = CheckedItem("no_consent", "everyone has opted in", True, True, 0, "compare the opt-in")
FAILED = CheckedItem(
    "blank_first_name", "all 43 have <first_name> & more", False, True, 3, "see audit.audit_messages"
)
UNASKED = CheckedItem("gone", "a check that could not run", False, True, None, "run the night again")

LISTS = [
    AuditedList("whole_list", 1_330, [HOLDS], is_whole=True),
    AuditedList("newsletter__active__email", 1_287, [HOLDS, HOLDS]),
    AuditedList("win_back__lapsed__email", 43, [HOLDS, FAILED, UNASKED]),
]


class Page(HTMLParser):
    """What a page holds: its text, and all that it leads to or loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name == "href" and tag == "a":
                self.links.append(value or "")
            elif name in (
                "src",
                "href",
                "srcset",
                "data",
                "poster",
                "action",
                "background",
            ) or name.startswith("on"):
                self.loads.append(f"{tag} {name}={value}")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.texts).split())


def write(folder: Path, lists: list[AuditedList] = LISTS) -> dict[str, Page]:
    index = write_data_docs(folder, NIGHT, "Great Expectations 1", lists)
    assert index == folder / "index.html"
    return {
        path.relative_to(folder).as_posix(): Page(path.read_text(encoding="utf-8"))
        for path in sorted(folder.rglob("*.html"))
    }


def test_no_page_loads_anything_or_leads_out_of_its_folder(tmp_path: Path) -> None:
    pages = write(tmp_path)
    assert len(pages) == 4
    for name, page in pages.items():
        assert page.loads == [] and not page.tags & {
            "script",
            "link",
            "img",
            "iframe",
            "object",
            "base",
            "form",
        }, name
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert not re.search(r"https?:|//[a-z]|@import|url\(", text), name
        assert "default-src 'none'" in text
        assert page.links and all(((tmp_path / name).parent / link).is_file() for link in page.links), name
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".html"]


def test_the_first_page_names_what_failed_first(tmp_path: Path) -> None:
    words = write(tmp_path)["index.html"].words
    assert "2 of 3 lists passed" in words
    assert words.index("win_back__lapsed__email") < words.index("the whole list") < words.index("newsletter")
    assert "failed win_back__lapsed__email blank_first_name gone 43 1 of 3" in words
    assert "passed newsletter__active__email 1,287 2 of 2" in words


def test_a_list_s_page_says_what_must_hold_what_was_found_and_what_to_do(tmp_path: Path) -> None:
    pages = write(tmp_path)
    words = pages["validations/send_list-win_back__lapsed__email.html"].words
    assert "43 messages, 3 checks , 2 failed" in words.replace("checks,", "checks ,")
    assert "all 43 have <first_name> & more blank_first_name What to do: see audit.audit_messages 3" in words
    assert "a check that could not run gone What to do: run the night again not known" in words
    assert words.index("blank_first_name") < words.index("no_consent")
    assert "compare the opt-in" not in words
    assert "What to do" not in pages["validations/send_list-newsletter__active__email.html"].words
    whole = AuditedList("whole_list", 1, [FAILED], is_whole=True)
    assert (
        "holds every campaign back" in write(tmp_path, [whole])["validations/send_list-whole_list.html"].words
    )


def test_the_same_night_writes_the_same_bytes_in_place_of_an_earlier_run_and_of_nothing_else(
    tmp_path: Path,
) -> None:
    for part in ("static/fonts", "expectations", "validations"):
        (tmp_path / part).mkdir(parents=True)
        (tmp_path / part / "old.html").touch()
    (tmp_path / "notes.txt").touch()
    first = {name: (tmp_path / name).read_bytes() for name in write(tmp_path)}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index.html", "notes.txt", "validations"]
    # in whatever order they were audited
    write(tmp_path, LISTS[::-1])
    assert {name: (tmp_path / name).read_bytes() for name in first} == first


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium on this machine")
def test_a_browser_shows_them_without_a_network(tmp_path: Path) -> None:
    write(tmp_path)
    command = [
        "chromium",
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--dump-dom",
        (tmp_path / "index.html").as_uri(),
    ]
    cut = ["unshare", "--net", "--map-root-user"]
    if subprocess.run([*cut, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine does not let a test cut the network")
    shown = subprocess.run([*cut, *command], capture_output=True, text=True, timeout=120, check=True)
    assert "blank_first_name" in Page(shown.stdout).words
