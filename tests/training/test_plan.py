import dataclasses

import numpy as np
import pytest
import torch

from qlab.training import Plan, job, to_module
from tests.training.workbench import dense


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"epochs": 0}, "epochs must be an integer of at least 1"),
        ({"epochs": True}, "epochs must be an integer"),
        ({"batch_size": 0}, "batch_size must be an integer of at least 1"),
        ({"jitter": -1}, "jitter must be an integer of at least 0"),
        ({"patience": 0}, "patience must be an integer of at least 1"),
        ({"seed": 2**63}, "seed must be an integer"),
        ({"lr": 0.0}, "lr must be above 0"),
        ({"lr": float("nan")}, "lr must be above 0"),
        ({"momentum": 1.0}, r"momentum must be in \[0, 1\)"),
        ({"weight_decay": -1e-4}, "weight_decay must be at least 0"),
        ({"max_norm": 0.0}, "max_norm must be above 0, or None"),
        ({"optimizer": "adagrad"}, "optimizer must be one of adam, sgd"),
        ({"schedule": "warm"}, "schedule must be one of cosine, step, constant"),
    ],
)
def test_a_value_out_of_range_is_refused(given: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Plan(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        ("cosine", [1, 0.5 + 8**-0.5, 0.5, 0.5 - 8**-0.5, 0]),  # cos(π/4) = 2^-½
        ("step", [1, 1, 0.1, 0.01, 0.01]),
        ("constant", [1, 1, 1, 1, 1]),
    ],
)
def test_the_schedules_pass_through_known_points(schedule: str, rates: list[float]) -> None:
    plan = Plan(lr=3.0, schedule=schedule)
    got = [plan.lr_at(t) / 3 for t in (0.0, 0.25, 0.5, 0.75, 1.0)]
    np.testing.assert_allclose(got, rates, atol=1e-15)


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_weights_decay_and_biases_do_not(optimizer: str) -> None:
    module = to_module(dense())
    plan = Plan(optimizer=optimizer, lr=0.1, weight_decay=0.5, momentum=0.0)
    with torch.no_grad():
        for p in module.parameters():
            p.fill_(1)
            p.grad = torch.zeros_like(p)
    plan.optimize(module).step()
    for name, p in module.named_parameters():
        expected = 1 - 0.1 * 0.5 if name.endswith("weight") else 1  # lr · decay
        assert torch.allclose(p, torch.full_like(p, expected))


def test_the_job_knows_the_fields_of_a_plan_without_loading_torch() -> None:
    assert set(job._PLAN) == {f.name for f in dataclasses.fields(Plan)}
