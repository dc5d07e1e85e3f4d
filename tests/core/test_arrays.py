import numpy as np
import pytest

from qlab.core.arrays import finite, finite32, integer_array
from tests.strategies import unchecked


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


def test_a_masked_array_is_refused_with_the_remedies() -> None:
    x = np.ma.masked_invalid([1.0, np.nan])
    for check in (finite, finite32):
        with pytest.raises(TypeError, match=r"got a masked array\. Use x\.compressed\(\)"):
            check("f", "x", x)
    assert finite32("f", "x", x.compressed()).tolist() == [1]
    with (
        unchecked(),
        pytest.raises(TypeError, match=r"q must be .*, got a masked array"),
    ):
        integer_array("f", "q", np.ma.masked_equal([1, 2], 2))


@pytest.mark.parametrize("q", [[1], np.array([0.5]), np.array([True]), None], ids=repr)
def test_what_is_no_array_of_integers_is_refused(q: object) -> None:
    with pytest.raises(TypeError, match=r"^f: q must be a NumPy array of integers, got "):
        integer_array("f", "q", q)
