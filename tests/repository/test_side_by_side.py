"""The groups that run side by side hold every test once, and one that fails fails the run."""

import shutil
from collections.abc import Callable
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
    pytests = side_by_side.GROUPS.values()
    times = {path: sum(taken(path, arguments) for arguments in pytests) for path in FILES}
    assert [path for path, n in times.items() if n != 1] == []


def test_browser_tests_share_no_process_with_others() -> None:
    for arguments in side_by_side.GROUPS.values():
        kinds = {path.parts[1] == "e2e" for path in FILES if taken(path, arguments)}
        assert len(kinds) == 1


@pytest.fixture
def three(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Write three groups of one test each; the bodies of those that are named."""

    def write(folder: str = "", **bodies: str) -> None:
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "pytest.ini").write_text("[pytest]\n")
        shutil.copy(ROOT / "tests" / "conftest.py", tmp_path / folder)
        groups = {}
        for name in ("first", "second", "third"):
            file = tmp_path / folder / f"test_{name}.py"
            file.write_text(
                f"import pytest\n\ndef test_of_{name}():\n    {bodies.get(name, 'pass')}\n"
            )
            groups[name] = (str(file), "-v")
        monkeypatch.setattr(side_by_side, "GROUPS", groups)
        monkeypatch.setattr(side_by_side, "BUILD", tmp_path / "build")
        monkeypatch.setattr(side_by_side, "BROWSER", str(tmp_path / "browser"))
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # these need none

    return write


@pytest.mark.parametrize(("broken", "code"), [("", 0), ("first", 1), ("second", 1), ("third", 1)])
def test_a_group_that_fails_fails_the_run_after_all_were_shown(
    three: Callable[..., None], capsys: pytest.CaptureFixture[str], broken: str, code: int
) -> None:
    three(**{broken: "assert False"} if broken else {})
    assert side_by_side.main() == code
    shown = capsys.readouterr().out
    assert "test_of_second" in shown and "test_of_third" in shown
    assert shown.endswith(f"Failed: {broken}.\n" if broken else "All tests passed.\n")


ONCE = "from pathlib import Path; p = Path(__file__ + '.seen'); s = p.exists(); p.touch(); assert s"


def test_a_browser_test_that_passes_alone_is_named_and_fails_nothing(
    three: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    three("browser", second=ONCE)
    assert side_by_side.main() == 0
    shown = capsys.readouterr().out
    assert "Passed only alone" in shown and "::test_of_second.\n" in shown
    assert shown.endswith("All tests passed.\n")


@pytest.mark.parametrize(
    ("folder", "body", "few"),
    [
        ("browser", "assert False", 3),
        ("elsewhere", ONCE, 3),
        ("browser", ONCE, 0),
        ("browser", f"{ONCE}\n\n@pytest.mark.skip\ndef test_skipped():\n    pass", 3),
    ],
    ids=["fails again", "no browser's", "too many", "beside a skip"],
)
def test_no_other_test_that_fails_is_forgiven(
    three: Callable[..., None], monkeypatch: pytest.MonkeyPatch, folder: str, body: str, few: int
) -> None:
    three(folder, second=body)
    monkeypatch.setattr(side_by_side, "FEW", few)
    assert side_by_side.main() == 1
