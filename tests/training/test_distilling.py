import numpy as np
import pytest
import torch

from qlab import distillation, metrics
from qlab.networks import Network
from qlab.training import distill, distillation_loss, distilling, fit
from tests.training.workbench import dense, digits

DIGITS = digits()


def logits(seed: int, n: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 4, (n, 10)).astype(np.float32)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0, 30.0])
@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_the_loss_and_its_gradient_are_those_of_the_formula(
    temperature: float, alpha: float
) -> None:
    s, t = logits(0), logits(1)
    y = np.random.default_rng(2).integers(0, 10, len(s))
    tensor = torch.tensor(s, requires_grad=True)
    loss = distillation_loss(tensor, torch.tensor(t), torch.tensor(y), temperature, alpha)
    (gradient,) = torch.autograd.grad(loss, tensor)
    expected = distillation.loss(s, t, y, temperature, alpha)
    slope = distillation.loss_gradient(s, t, y, temperature, alpha)
    assert loss.item() == pytest.approx(expected, rel=1e-5)  # float32 against float64
    np.testing.assert_allclose(gradient.numpy(), slope, rtol=1e-4, atol=1e-6)


def test_the_loss_is_torchs_own_kl_divergence_times_t_squared() -> None:
    s, t = torch.tensor(logits(0)), torch.tensor(logits(1))
    y = torch.zeros(len(s), dtype=torch.int64)
    own = torch.nn.KLDivLoss(reduction="batchmean")((s / 3).log_softmax(1), (t / 3).softmax(1))
    assert torch.allclose(distillation_loss(s, t, y, 3.0, 1.0), 9 * own, rtol=1e-5)


def test_students_side_by_side_have_the_losses_and_gradients_of_each_alone() -> None:
    """Two seeds with images of their own, three settings: as the grid of students asks for it."""
    s = torch.tensor(np.stack([logits(10 + k) for k in range(6)]).reshape(2, 3, 40, 10))
    t = torch.tensor(np.stack([logits(1), logits(2)])[:, None])
    y = torch.tensor(np.random.default_rng(3).integers(0, 10, (2, 1, 40)))
    T, α = torch.tensor([1.0, 4.0, 20.0]), torch.tensor([0.0, 0.9, 1.0])
    both = s.clone().requires_grad_()
    found = distillation_loss(both, t, y, T, α)
    found.sum().backward()
    assert found.shape == (2, 3)
    for seed, k in np.ndindex(2, 3):
        alone = s[seed, k].clone().requires_grad_()
        loss = distillation_loss(alone, t[seed, 0], y[seed, 0], T[k].item(), α[k].item())
        loss.backward()
        assert found[seed, k].item() == pytest.approx(loss.item(), rel=1e-6)
        np.testing.assert_allclose(both.grad[seed, k].numpy(), alone.grad.numpy(), atol=1e-8)


@pytest.fixture(scope="module")
def teacher() -> Network:
    return fit(dense(7, hidden=64), DIGITS, epochs=12, lr=5e-3, batch_size=32).network


def test_a_student_learns_without_any_label(teacher: Network) -> None:
    fitted = distill(dense(1), teacher, DIGITS, 4.0, 1.0, epochs=12, lr=5e-3, batch_size=32)
    assert fitted.history[0].validation.value < 0.3
    assert fitted.validation.value > 0.7
    assert metrics.accuracy(fitted.network, DIGITS.validation) == fitted.validation


def test_without_alpha_the_teacher_is_not_listened_to(teacher: Network) -> None:
    alone = fit(dense(1), DIGITS, epochs=2, seed=3).network
    deaf = distill(dense(1), teacher, DIGITS, 4.0, 0.0, epochs=2, seed=3).network
    for name in alone.weights:
        assert (alone.weights[name] == deaf.weights[name]).all()


def test_the_teacher_is_frozen_and_answers_once_per_image(
    teacher: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {name: W.copy() for name, W in teacher.weights.items()}
    asked: list[int] = []
    answer = distilling.TeacherAnswers._answer

    def counting(self: distilling.TeacherAnswers, images: torch.Tensor) -> torch.Tensor:
        asked.append(len(images))
        return answer(self, images)

    monkeypatch.setattr(distilling.TeacherAnswers, "_answer", counting)
    distill(dense(1), teacher, DIGITS, 4.0, 0.9, epochs=3)
    assert sum(asked) == len(DIGITS.train) + 1  # one more, to learn the number of classes
    assert all((teacher.weights[name] == W).all() for name, W in before.items())


def test_the_answers_are_the_teachers_logits(teacher: Network) -> None:
    images = torch.tensor(DIGITS.train.images[:20])
    answers = distilling.TeacherAnswers(teacher, images)
    rows = torch.tensor([3, 17, 3])
    for _ in range(2):
        np.testing.assert_allclose(
            answers(rows).numpy(), teacher.predict(images.numpy()[rows]), rtol=1e-5, atol=1e-5
        )


@pytest.mark.parametrize(
    ("temperature", "alpha", "plan", "words"),
    [
        (0.0, 0.5, {}, "temperature must be above 0"),
        (float("inf"), 0.5, {}, "temperature must be above 0"),
        (4.0, -0.1, {}, r"alpha must be in \[0, 1\]"),
        (4.0, float("nan"), {}, r"alpha must be in \[0, 1\]"),
        (4.0, 0.5, {"jitter": 1}, "jitter must be 0"),
    ],
)
def test_a_setting_out_of_range_is_refused(
    temperature: float, alpha: float, plan: dict[str, int], words: str, teacher: Network
) -> None:
    with pytest.raises(ValueError, match=words):
        distill(dense(), teacher, DIGITS, temperature, alpha, **plan)
