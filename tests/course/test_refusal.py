"""A promised refusal is shown, and its absence is not passed over."""

import pytest

from qlab import data, networks
from qlab.core import QuantSpec
from qlab.course import refusal


def test_the_sentence_of_a_refusal_is_shown_whatever_its_kind() -> None:
    mnist, net = data.load("mnist"), networks.load("mlp_784_128_10")
    assert "test" in refusal(networks.quantize_activations, net, mnist.test, QuantSpec())

    def strict(bits: int) -> None:
        raise TypeError(f"strict: bits must be text, got {bits=}.")

    assert refusal(strict, bits=3) == "strict: bits must be text, got bits=3."


def test_what_does_not_refuse_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"refusal: QuantSpec must refuse .* got a QuantSpec"):
        refusal(QuantSpec, bits=8)


def test_another_error_is_no_refusal() -> None:
    with pytest.raises(ZeroDivisionError):
        refusal(lambda: 1 / 0)
