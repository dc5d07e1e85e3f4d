"""pip and conda install the same laboratory, at versions that every supported Python accepts."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, metadata

import pytest
import yaml
from packaging.specifiers import SpecifierSet

from tests.repository.tree import ROOT

CONDA_NAMES = {"torch": "pytorch"}  # where conda-forge calls a package otherwise
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonical(name): version for name, version in pins}


def conda_pins(text: str) -> dict[str, str]:
    entries = yaml.safe_load(text)["dependencies"]
    pins = [entry.partition("=") for entry in entries if isinstance(entry, str)]
    return {name: version for name, _, version in pins if name not in {"python", "pip"}}


def promised_pins() -> dict[str, str]:
    pins = constraints()
    names = [*PROJECT["dependencies"], *EXTRAS["training"]]
    return {CONDA_NAMES.get(name, name): pins[canonical(name)] for name in names}


def test_conda_has_the_packages_and_pins_of_pip() -> None:
    assert conda_pins((ROOT / "environment.yml").read_text()) == promised_pins()


@pytest.mark.parametrize("line", ["numpy=", "pytorch="])
def test_the_guard_sees_a_pin_that_drifts(line: str) -> None:
    text = (ROOT / "environment.yml").read_text()
    assert line in text
    assert conda_pins(re.sub(rf"- {line}.*", f"- {line}0.0.1", text)) != promised_pins()


def test_conda_uses_a_python_that_the_package_accepts() -> None:
    entries = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    (python,) = [entry for entry in entries if str(entry).startswith("python=")]
    assert python.removeprefix("python=") in SpecifierSet(PROJECT["requires-python"])


def test_every_dependency_is_pinned() -> None:
    names = [*PROJECT["dependencies"], *EXTRAS["training"], *EXTRAS["test"]]
    assert {canonical(name) for name in names} <= constraints().keys()


def test_no_pin_is_a_build_of_one_machine() -> None:
    assert not [version for version in constraints().values() if "+" in version]


def test_every_pin_accepts_the_oldest_python_and_is_what_is_installed() -> None:
    wrong = []
    for name, version in constraints().items():
        try:
            package = metadata(name)
        except PackageNotFoundError:
            continue  # a test tool that this environment does not have
        if package["Version"].partition("+")[0] != version:
            wrong.append(f"{name}: installed {package['Version']}, pinned {version}")
        if "3.11.0" not in SpecifierSet(package.get("Requires-Python") or ""):
            wrong.append(f"{name} {version} refuses Python 3.11.0")
    assert wrong == []
