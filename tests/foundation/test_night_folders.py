"""The folder of nights as everybody walks it: which names are what, and links are never followed."""

from __future__ import annotations

from pathlib import Path

import pytest
from sendworthy.foundation.night_folders import links, nights, parse_name, refuse_link, walk
from sendworthy.foundation.safe_files import UnsafeFile


@pytest.mark.parametrize(
    ("name", "parsed"),
    [
        ("2026-06-01", ("2026-06-01", False, "")),
        ("2026-06-01.cancellations", ("2026-06-01", True, "")),
        (".2026-06-01.writing", ("2026-06-01", False, "writing")),
        (".2026-06-01.cancellations.retired", ("2026-06-01", True, "retired")),
        (".2026-06-01.erasing", ("2026-06-01", False, "erasing")),
        (".2026-06-01.replaced", ("2026-06-01", False, "replaced")),
        (".2026-06-01.removing", ("2026-06-01", False, "removing")),
        (".2026-06-01", None),
        ("2026-06-01.writing", None),
        ("2026-06-01.bak", None),
        ("2026-6-1", None),
        ("12026-06-01", None),
        ("2026-06-01\n", None),
        ("push", None),
        (".lock", None),
    ],
)
def test_a_name_says_what_a_folder_is(name: str, parsed: tuple[str, bool, str] | None) -> None:
    assert parse_name(Path("out") / name) == parsed


def test_links_are_seen_and_never_followed(tmp_path: Path) -> None:
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("2026-06-01", "2026-06-01.cancellations", ".2026-06-02.writing", "other"):
        (out / name).mkdir(parents=True)
    for name in ("2026-05-30", "2026-05-30.cancellations", ".2026-05-30.retired"):
        (out / name).symlink_to(elsewhere)
    (out / "2026-05-29").symlink_to("nowhere")
    (out / "2026-05-28").write_text("a file", encoding="utf-8")
    assert nights(out) == [out / "2026-06-01"]
    assert [path.name for path in links(out)] == ["2026-05-29", "2026-05-30", "2026-05-30.cancellations"]
    assert {found.path.name: (found.state, found.is_link) for found in walk(out)} == {
        "2026-06-01": ("", False),
        "2026-06-01.cancellations": ("", False),
        ".2026-06-02.writing": ("writing", False),
        "2026-05-30": ("", True),
        "2026-05-30.cancellations": ("", True),
        ".2026-05-30.retired": ("retired", True),
        "2026-05-29": ("", True),
    }
    assert walk(tmp_path / "none") == []
    refuse_link(out / "2026-06-01")
    refuse_link(out / "2026-06-09")
    for name in ("2026-05-30", "2026-05-29"):
        with pytest.raises(UnsafeFile, match="it is a link"):
            refuse_link(out / name)
