import numpy as np
import pytest

from qlab.core.arrays import finite, finite32


def test_float32_is_not_copied() -> None:
    x = np.ones(3, np.float32)
    assert finite32("f", "x", x) is x


def test_finite_keeps_the_type_and_finite32_does_not() -> None:
    x = np.ones(3, np.float64)
    assert finite("f", "x", x).dtype == np.float64
    assert finite32("f", "x", x).dtype == np.float32


@pytest.mark.parametrize("check", [finite, finite32])
def test_the_message_names_the_function_the_argument_and_the_count(check) -> None:
    with pytest.raises(ValueError, match=r"^f: W must be finite, got 2 NaN or infinite of 4\.$"):
        check("f", "W", np.array([1, np.nan, np.inf, 0]))
