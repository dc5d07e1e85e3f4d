import pytest
import torch

from qlab.training import Jitter


def moved(x: torch.Tensor, dy: int, dx: int) -> torch.Tensor:
    """Equation (1), pixel by pixel."""
    out = torch.zeros_like(x)
    *_, height, width = x.shape
    for i in range(height):
        for j in range(width):
            if 0 <= i + dy < height and 0 <= j + dx < width:
                out[..., i, j] = x[..., i + dy, j + dx]
    return out


@pytest.mark.parametrize(("radius", "shape"), [(1, (1, 4, 4)), (2, (3, 5, 7))])
def test_every_image_is_moved_by_one_of_all_shifts_within_the_radius(
    radius: int, shape: tuple[int, int, int]
) -> None:
    x = torch.rand(400, *shape)
    after = Jitter(radius, shape, torch.Generator().manual_seed(0))(x)
    span = range(-radius, radius + 1)
    shifts = [(dy, dx) for dy in span for dx in span]
    found = torch.stack([(moved(x, *shift) == after).flatten(1).all(1) for shift in shifts])
    assert (found.sum(0) == 1).all()  # each image by exactly one shift
    assert found.any(1).all()  # each shift by some image


def test_the_same_seed_moves_alike_and_another_does_not() -> None:
    x = torch.rand(20, 1, 8, 8)

    def once(seed: int) -> torch.Tensor:
        return Jitter(2, (1, 8, 8), torch.Generator().manual_seed(seed))(x)

    assert (once(3) == once(3)).all()
    assert (once(3) != once(4)).any()


def test_no_radius_gives_the_images_themselves() -> None:
    x = torch.rand(2, 1, 8, 8)
    assert Jitter(0, (1, 8, 8), torch.Generator())(x) is x


@pytest.mark.parametrize("radius", [-1, 8])
def test_a_radius_beyond_the_image_is_refused(radius: int) -> None:
    with pytest.raises(ValueError, match="radius must be 0 to 7"):
        Jitter(radius, (1, 8, 8), torch.Generator())
