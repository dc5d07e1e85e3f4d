"""The process that kernels of executed notebooks are copied from ends with a file of tests."""

from collections.abc import Iterator

import pytest

from tests.notebooks.running import end_copies


@pytest.fixture(scope="module", autouse=True)
def no_copies_left() -> Iterator[None]:
    """End the process that kernels are copied from: no other test meets its socket."""
    yield
    end_copies()
