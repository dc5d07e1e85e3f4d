import numpy as np
import pytest

from qlab import metrics
from qlab.networks import Network
from qlab.training import Plan, distill, fit
from qlab.training.student_grid import Setting, train_grid
from tests.training.workbench import convolutional, dense, digits

DIGITS = digits(200)
SETTINGS = (Setting(1.0, 0.0), Setting(3.0, 0.9), Setting(20.0, 0.5))
SEEDS = (4, 5)
PLAN = Plan(epochs=2, batch_size=60, lr=3e-3)


@pytest.fixture(scope="module")
def teacher() -> Network:
    return fit(dense(7, hidden=64), DIGITS, epochs=5, lr=5e-3).network


def test_the_grid_trains_each_student_as_distill_trains_it_alone(teacher: Network) -> None:
    logits = teacher.predict(DIGITS.train.images)
    students = train_grid(dense, logits, DIGITS, SETTINGS, SEEDS, PLAN)
    assert [(s.seed, s.setting) for s in students] == [(k, s) for k in SEEDS for s in SETTINGS]
    for student in students:
        alone = distill(
            dense(student.seed),
            teacher,
            DIGITS,
            student.setting.temperature,
            student.setting.alpha,
            epochs=PLAN.epochs,
            batch_size=PLAN.batch_size,
            lr=PLAN.lr,
            seed=student.seed,
        )
        assert student.best_epoch == alone.best_epoch
        for name, W in alone.network.weights.items():
            # Adam divides by √v: a rounding of 1e-7 can grow, never to a step of lr = 3e-3
            np.testing.assert_allclose(student.network.weights[name], W, atol=PLAN.lr / 10)
            np.testing.assert_allclose(
                student.network.biases[name], alone.network.biases[name], atol=PLAN.lr / 10
            )


def test_each_students_accuracy_is_that_of_its_own_weights(teacher: Network) -> None:
    logits = teacher.predict(DIGITS.train.images)
    told: list[int] = []
    for student in train_grid(
        dense, logits, DIGITS, SETTINGS, SEEDS, PLAN, lambda epoch, _: told.append(epoch)
    ):
        assert metrics.accuracy(student.network, DIGITS.validation) == student.validation
    assert told == [1, 2]


@pytest.mark.parametrize(
    "plan", [Plan(jitter=1), Plan(dropout={"fc1": 0.1}), Plan(weight_decay=0.1), Plan(patience=1)]
)
def test_a_plan_that_differs_between_students_is_refused(plan: Plan) -> None:
    logits = np.zeros((200, 10), np.float32)
    with pytest.raises(ValueError, match="plan must be plain"):
        train_grid(dense, logits, DIGITS, SETTINGS, SEEDS, plan)


def test_a_convolution_is_refused() -> None:
    logits = np.zeros((200, 10), np.float32)
    with pytest.raises(TypeError, match="must be of Flatten, Linear and ReLU layers, got Conv2d"):
        train_grid(convolutional, logits, DIGITS, SETTINGS, SEEDS, PLAN)
