"""Train the zoo again: ``python -m qlab.training.zoo [names…]`` rewrites weights and cards.

A recipe was chosen on the validation split alone, its seed fixed beforehand. The test split is
measured once, when the network is finished, and whatever comes out goes on the card. With one
thread and one version of torch the same weights come out again.

Sources: LeNet-300-100 and LeNet-5, LeCun et al. 1998; the teacher, its dropout and its jitter,
Hinton, Vinyals and Dean 2015, arXiv:1503.02531, section 3.
"""

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from qlab import data, metrics, networks
from qlab.networks import Network
from qlab.networks.files import write_whole
from qlab.training.fitting import fit
from qlab.training.plan import Plan
from qlab.training.progress import Progress
from qlab.training.student_grid import Setting, Student, train_grid

FOLDER = Path(networks.__file__).parent / "zoo"
DATASET = "mnist"

NETWORKS = {
    # no jitter and strong decay: few large weights, as in the networks of the pruning papers
    # (what pruning leaves of them was compared on the validation split, like all else)
    "lenet_300_100": Plan(epochs=25, weight_decay=0.3),
    "mlp_784_128_10": Plan(epochs=30, jitter=1),
    "lenet_5": Plan(epochs=10, batch_size=64, jitter=1),
    "teacher_1200": Plan(epochs=28, jitter=2, dropout={"fc2": 0.3, "fc3": 0.3}),
}

TEACHER = "teacher_1200"
TEMPERATURES = (1, 2, 3, 4, 6, 8, 12, 20, 30)
ALPHA = 0.9  # of the grid of temperatures
ALPHAS = (0.25, 0.5, 0.75, 1.0)  # at one temperature
TEMPERATURE = 4
SEEDS = (0, 1, 2, 3, 4)


STUDENTS = {  # one short of units, one short of images: they like different temperatures
    "student_30": Plan(epochs=12, lr=3e-3),
    "student_100": Plan(epochs=40, lr=3e-3, train_images=5_000),
}


@dataclass(frozen=True)
class Workshop:
    """Where the zoo is written, and from what.

    Parameters
    ----------
    folder
        Of weights and cards.
    dataset
        Read once.
    say
        Where lines about the progress go.
    """

    folder: Path = FOLDER
    dataset: Any = field(default_factory=lambda: data.load(DATASET))
    say: Callable[[str], None] = print


def train_network(name: str, shop: Workshop) -> None:
    """Train one network by its recipe, write its weights and its card."""
    plan = NETWORKS[name]
    told = 0.0

    def on_progress(p: Progress) -> None:
        nonlocal told
        if p.seconds - told > 10:
            told = p.seconds
            shop.say(
                f"{name}: epoch {p.epoch} of {p.epochs}, loss {p.loss:.4f}, "
                f"validation {p.validation_accuracy:.4f}, {p.seconds_left:.0f} s left"
            )

    start = networks.build(name, np.random.default_rng(plan.seed))
    fitted = fit(start, shop.dataset, **asdict(plan), on_progress=on_progress)
    recipe = {"dataset": DATASET, "build_seed": plan.seed, **asdict(plan)}
    card = _card(fitted.network, recipe, fitted.best_epoch, fitted.validation, shop)
    _write(shop.folder, name, fitted.network, card)
    shop.say(f"{name}: test {card['test']['value']:.4f} in {fitted.seconds:.0f} s")


def train_students(names: Sequence[str], shop: Workshop) -> None:
    """Train the grids of students; write every run's result and one student a setting.

    The stored student of a temperature is that of the first seed, not the best one: it stands for
    the grid, and picking it would be choosing.
    """
    teacher = networks.read(shop.folder / f"{TEACHER}.safetensors")
    settings = [Setting(1.0, 0.0), *(Setting(float(T), ALPHA) for T in TEMPERATURES)]
    settings += [Setting(float(TEMPERATURE), α) for α in ALPHAS]
    runs = []
    for name in names:
        began = time.perf_counter()
        for student in _taught(name, teacher, settings, shop):
            runs.append(_run(name, student, shop))
            if student.seed == SEEDS[0] and student.setting.alpha in (0.0, ALPHA):
                _store_student(name, student, shop)
        shop.say(f"{name}: {len(settings) * len(SEEDS)} runs, {time.perf_counter() - began:.0f} s")
    _write_grid(runs, names, shop)


def _taught(
    name: str, teacher: Network, settings: Sequence[Setting], shop: Workshop
) -> list[Student]:
    plan = STUDENTS[name]

    def start(seed: int) -> Network:
        return networks.build(name, np.random.default_rng(seed))

    def on_epoch(epoch: int, accuracy: float) -> None:
        shop.say(f"{name}: epoch {epoch} of {plan.epochs}, mean validation {accuracy:.4f}")

    logits = teacher.predict(shop.dataset.train[: plan.train_images].images)
    return train_grid(start, logits, shop.dataset, settings, SEEDS, plan, on_epoch)


def _write_grid(runs: list[dict[str, Any]], names: Sequence[str], shop: Workshop) -> None:
    path = shop.folder / "students.json"
    if path.exists():  # the other students' runs stay
        before = json.loads(path.read_text(encoding="utf-8"))["runs"]
        runs = runs + [run for run in before if run["student"] in set(STUDENTS) - set(names)]
    runs.sort(key=lambda run: list(STUDENTS).index(run["student"]))
    grid = {
        "teacher": TEACHER,
        "dataset": DATASET,
        "loss": "(1 - alpha) * CE + alpha * T^2 * KL(teacher || student)",
        "temperatures": list(TEMPERATURES),
        "alpha": ALPHA,
        "alphas": list(ALPHAS),
        "seeds": list(SEEDS),
        "recipes": {name: {**asdict(plan), "seed": None} for name, plan in STUDENTS.items()},
        "runs": runs,
    }
    write_whole(path, _json(grid).encode())


def _told(setting: Setting) -> dict[str, Any]:
    return {
        "temperature": setting.temperature if setting.alpha else None,
        "alpha": setting.alpha,
    }


def _run(name: str, student: Student, shop: Workshop) -> dict[str, Any]:
    test = metrics.accuracy(student.network, shop.dataset.test)
    return {
        "student": name,
        **_told(student.setting),
        "seed": student.seed,
        "test_errors": round((1 - test.value) * test.n),
        "test": _interval(test),
        "validation": _interval(student.validation),
        "best_epoch": student.best_epoch,
    }


def _store_student(name: str, student: Student, shop: Workshop) -> None:
    told = _told(student.setting)
    recipe = {
        "teacher": TEACHER,
        "student": name,
        **told,
        "build_seed": student.seed,
        "dataset": DATASET,
        **asdict(STUDENTS[name]),
        "seed": student.seed,
    }
    stored = networks.stored_student(name, told["temperature"])
    net = Network(stored, student.network.layers, student.network.input_shape)
    card = _card(net, recipe, student.best_epoch, student.validation, shop)
    _write(shop.folder, stored, net, card)


def _card(
    net: Network,
    recipe: dict[str, Any],
    best_epoch: int,
    validation: metrics.Measured,
    shop: Workshop,
) -> dict[str, Any]:
    return {
        "name": net.name,
        "recipe": recipe,
        "seed": recipe["seed"],
        "parameters": net.parameters,
        "best_epoch": best_epoch,
        "validation": _interval(validation),
        "test": _interval(metrics.accuracy(net, shop.dataset.test)),
    }


def _interval(m: metrics.Measured) -> dict[str, float]:
    return {"value": m.value, "low": round(m.low, 6), "high": round(m.high, 6), "n": m.n}


def _write(folder: Path, name: str, net: Network, card: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    weights = networks.save(net, folder / f"{name}.safetensors")
    card["sha256"] = hashlib.sha256(weights.read_bytes()).hexdigest()
    write_whole(folder / f"{name}.json", _json(card).encode())


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def main(names: Sequence[str]) -> int:
    """Train the named networks, or all; return the exit status."""
    known = [*NETWORKS, *STUDENTS]
    unknown = [name for name in names if name not in known]
    if unknown:
        print(
            f"zoo: names must be among {', '.join(known)}, got {', '.join(unknown)}.",
            file=sys.stderr,
        )
        return 2
    torch.set_num_threads(1)  # sums come out in another order with more
    students = [name for name in STUDENTS if not names or name in names]
    try:
        shop = Workshop(say=lambda line: print(line, flush=True))
        for name in NETWORKS:
            if not names or name in names:
                train_network(name, shop)
        if students:
            train_students(students, shop)
    except (OSError, ValueError) as error:  # no dataset, no teacher, a full disk
        print(f"zoo: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.exit(main(sys.argv[1:]))
