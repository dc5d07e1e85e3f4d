"""The groups that run side by side hold every test once, and one that fails fails the run."""

from pathlib import Path

import pytest

from tests import side_by_side
from tests.repository.tree import ROOT

FILES = sorted(path.relative_to(ROOT) for path in ROOT.glob("tests/**/test_*.py"))


def taken(path: Path, arguments: tuple[str, ...]) -> bool:
    """Tell whether a pytest with these arguments collects a file."""
    ignored = [Path(one.partition("=")[2]) for one in arguments if one.startswith("--ignore=")]
    wanted = [Path(one) for one in arguments if not one.startswith("-")] or [Path("tests")]
    return any(path.is_relative_to(one) for one in wanted) and not any(
        path.is_relative_to(one) for one in ignored
    )


def test_every_file_is_in_exactly_one_pytest() -> None:
    pytests = [arguments for group in side_by_side.GROUPS.values() for arguments in group]
    times = {path: sum(taken(path, arguments) for arguments in pytests) for path in FILES}
    assert [path for path, n in times.items() if n != 1] == []


def test_browser_tests_share_no_process_with_others() -> None:
    for arguments in (arguments for group in side_by_side.GROUPS.values() for arguments in group):
        kinds = {path.parts[1] == "e2e" for path in FILES if taken(path, arguments)}
        assert len(kinds) == 1


@pytest.mark.parametrize(("broken", "code"), [("", 0), ("first", 1), ("second", 1), ("third", 1)])
def test_a_group_that_fails_fails_the_run_after_all_were_shown(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    broken: str,
    code: int,
) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    groups = {}
    for name in ("first", "second", "third"):
        file = tmp_path / f"test_{name}.py"
        file.write_text(f"def test_of_{name}(): assert {name != broken}\n")
        groups[name] = ((str(file), "-v", "-p", "no:cacheprovider"),)
    monkeypatch.setattr(side_by_side, "GROUPS", groups)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # these need none
    monkeypatch.setattr(side_by_side, "BUILD", tmp_path)
    assert side_by_side.main() == code
    shown = capsys.readouterr().out
    assert "test_of_second" in shown and "test_of_third" in shown
    assert shown.endswith(f"Failed: {broken}.\n" if broken else "All tests passed.\n")
