import numpy as np
import pytest

from qlab.data import ROLES, Split


def split(role: str, n: int = 4) -> Split:
    return Split(np.zeros((n, 1, 2, 2), np.float32), np.arange(n), role, "toy")


@pytest.mark.parametrize("role", [role for role in ROLES if role != "test"])
def test_every_split_but_test_may_choose(role: str) -> None:
    images, labels = split(role).for_choosing("pick a threshold")
    assert len(images) == len(labels) == 4


@pytest.mark.parametrize("part", [slice(2), np.array([0, 3]), np.array([True, False, True, False])])
def test_test_images_never_choose_not_even_a_part_of_them(part) -> None:
    with pytest.raises(ValueError, match=r"other than test to pick a threshold.*no longer a meas"):
        split("test")[part].for_choosing("pick a threshold")


def test_a_split_unpacks_into_images_and_labels() -> None:
    images, labels = split("train")
    assert images.shape == (4, 1, 2, 2)
    assert labels.tolist() == [0, 1, 2, 3]
    assert len(split("train")) == 4


def test_a_slice_keeps_role_and_name_and_shares_memory() -> None:
    whole = split("calibration")
    part = whole[1:3]
    assert (part.role, part.name, part.labels.tolist()) == ("calibration", "toy", [1, 2])
    assert np.shares_memory(part.images, whole.images)


def test_images_and_labels_of_different_number_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(images=2, labels=3\)"):
        Split(np.zeros((2, 1, 2, 2), np.float32), np.arange(3), "train")


def test_the_repr_says_what_it_is_without_the_pixels() -> None:
    assert repr(split("test")) == "Split(name='toy', role='test', images=(4, 1, 2, 2))"
