"""The documents say only what works: commands, code, and the names of the techniques."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.repository.tree import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = [
    "README.md",
    "CONTRIBUTING.md",
    "ARCHITECTURE.md",
    "benchmarks/README.md",
    "labs/README.md",
]


def make_targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text()
    return set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))


def commands(text: str) -> list[str]:
    """Return the lines of the shell blocks, without comments."""
    blocks = re.findall(r"```(?:sh|bash|console)\n(.*?)```", text, re.DOTALL)
    lines = [line.partition("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line]


def code_blocks(text: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_make_command_of_a_document_is_a_target(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    named = set(re.findall(r"`make ([a-z]+)", text))
    named |= {words[1] for line in commands(text) if (words := line.split())[0] == "make"}
    assert named <= make_targets()


def test_the_readme_gives_two_commands_first() -> None:
    made = [line.split()[1] for line in commands(README) if line.startswith("make")]
    assert made[:2] == ["apps", "test"]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_qlab_command_of_a_document_exists(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    named = {words[1] for line in commands(text) if (words := line.split())[0] == "qlab"}
    for name in named:
        command = [sys.executable, "-m", "qlab.cli", name, "--help"]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert result.returncode == 0, f"qlab {name}: {result.stderr}"


def measured(text: str) -> list[tuple[str, float, int]]:
    """Return label, accuracy and number of images of each line of a printed text."""
    found = re.findall(r"^(.+): ([\d.]+) \[.*\] n=(\d+) measured$", text, re.MULTILINE)
    return [(label, float(value), int(n)) for label, value, n in found]


def test_the_library_in_the_readme_runs_and_prints_what_the_readme_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (block,) = code_blocks(README)
    (output,) = re.findall(r"```text\n(.*?)```", README, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "README.md", "exec"), {})
    printed, claimed = measured(capsys.readouterr().out), measured(output)
    assert len(claimed) == len(output.splitlines())
    assert [(label, n) for label, _, n in printed] == [(label, n) for label, _, n in claimed]
    for (_, value, n), (_, claim, _) in zip(printed, claimed, strict=True):
        # another processor adds in another order: a tie between two digits may fall differently
        assert value == pytest.approx(claim, abs=2 / n)


def test_the_screenshot_is_a_picture() -> None:
    (name,) = re.findall(
        r"!\[[^\]]{20,}\]\(([^)]+)\)", README
    )  # with a text for those who see none
    assert (ROOT / name).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_every_technique_has_its_line_in_the_changelog() -> None:
    import qlab

    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    rooms = (qlab.ranges, qlab.codebooks, qlab.pruning, qlab.ptq)
    names = {name for room in rooms for name in room.METHODS}
    names |= {*qlab.coding.CODERS, *qlab.core.ROUNDINGS}
    assert [name for name in sorted(names) if f"`{name}`" not in changelog] == []


def test_the_changelog_has_the_version_of_the_package() -> None:
    import qlab

    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{qlab.__version__}]" in changelog


def test_the_citation_has_the_version_the_date_and_the_licence_of_the_package() -> None:
    import yaml

    import qlab

    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == qlab.__version__
    assert f"## [{qlab.__version__}] - {citation['date-released']}\n" in changelog
    assert citation["license"] == "BSD-3-Clause"
