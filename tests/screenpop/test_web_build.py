"""The pages as they are kept and built: pinned, without addresses, fit for a strict content policy."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

WEB = Path(__file__).parents[2] / "screenpop" / "web"
DIST = WEB / "dist"
EXACT = re.compile(r"\d+\.\d+\.\d+").fullmatch


def _kept() -> list[Path]:
    """The files of the pages that git keeps."""
    found = subprocess.run(
        ["git", "ls-files", "-z", "."], cwd=WEB, capture_output=True, text=True, check=False
    ).stdout
    return [WEB / name for name in found.split("\0") if name and (WEB / name).is_file()]


def test_web_lock_file_names_no_place_to_download_from() -> None:
    """The lock file pins by hash and says nowhere where a package came from."""
    lock = json.loads((WEB / "package-lock.json").read_text("utf-8"))
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert len(packages) > 100
    assert [name for name, entry in packages.items() if "resolved" in entry] == []
    assert [name for name, entry in packages.items() if "integrity" not in entry] == []
    assert (WEB / ".npmrc").read_text("utf-8") == "omit-lockfile-registry-resolved=true\n"


def test_web_packages_are_pinned_exactly() -> None:
    """Every package of the pages is one version, not a range."""
    manifest = json.loads((WEB / "package.json").read_text("utf-8"))
    named = manifest["dependencies"] | manifest["devDependencies"]
    assert [f"{name} {version}" for name, version in named.items() if not EXACT(version)] == []


def test_web_sources_never_render_text_as_markup() -> None:
    """No template and no script turns text into HTML or code."""
    sources = [p for p in (WEB / "src").rglob("*") if p.suffix in {".vue", ".ts"}]
    assert len(sources) > 40
    forbidden = re.compile(r"v-html|innerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function")
    assert [p.name for p in sources if forbidden.search(p.read_text("utf-8"))] == []


def test_web_readme_lists_every_test_id_that_tests_rely_on() -> None:
    """The README of the pages names each data-testid that the sources set."""
    sources = "".join(p.read_text("utf-8") for p in (WEB / "src").rglob("*.vue"))
    fixed = set(re.findall(r'(?<![:\w])(?:data-testid|(?:clear|submit|failed)-id)="([\w-]+)"', sources))
    readme = (WEB / "README.md").read_text("utf-8")
    named = set(re.findall(r"`([\w-]+)`", readme))
    assert len(fixed) > 40
    assert sorted(fixed - named) == []


def test_web_files_of_the_repository_hold_no_outside_address() -> None:
    """Nothing that a page loads lies on another machine: no CDN, no outside fonts."""
    kept = [p for p in _kept() if p.suffix in {".vue", ".ts", ".css", ".html"}]
    if not kept:
        pytest.skip("not a git checkout")
    outside = re.compile(r"(?:src|href|url)\s*[=(]\s*[\"']?(?:https?:)?//", re.IGNORECASE)
    assert [p.name for p in kept if outside.search(p.read_text("utf-8"))] == []


@pytest.mark.skipif(not (DIST / "index.html").is_file(), reason="the pages are not built: make setup")
def test_web_build_needs_no_inline_script_and_no_other_host() -> None:
    """The built page loads its own files only, and its scripts need no eval."""
    index = (DIST / "index.html").read_text("utf-8")
    assert re.findall(r"<script(?![^>]*\bsrc=)", index) == []
    assert re.findall(r"<style|\sstyle=|\son\w+=", index) == []
    assert [a for a in re.findall(r'(?:src|href)="([^"]+)"', index) if not a.startswith("/")] == []
    for script in (DIST / "assets").glob("*.js"):
        text = script.read_text("utf-8")
        assert "new Function(" not in text, script.name
        assert not re.search(r"\beval\(", text), script.name
