"""Every test of the course has a learner of its own: a record in its own folder, and a page."""

from pathlib import Path

import pytest

from tests.notebooks.conftest import no_copies_left

__all__ = ["no_copies_left", "record_path"]


@pytest.fixture(autouse=True)
def record_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where this test's record lies."""
    path = tmp_path / "learner" / "qlab-record.json"
    monkeypatch.setenv("QLAB_RECORD", str(path))
    monkeypatch.delenv("QLAB_HEADLESS", raising=False)
    return path
