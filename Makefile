# qlab: one command to the running laboratory.  `make` alone lists what can be made.
#
# Needs git, make and Python 3.11 or newer; everything else goes into .venv, at the versions of
# constraints.txt.  PYTHON=... names the interpreter to use, PORT=... the port of `make apps`.

VENV := .venv
PY   := $(VENV)/bin/python
PORT ?=
comma := ,

NOTEBOOKS := $(wildcard labs/*.ipynb apps/*.ipynb benchmarks/*.ipynb tests/e2e/apps/*.ipynb)

# What lies in .venv is decided by pyproject.toml and constraints.txt alone.
unexport PYTHONHOME PYTHONPATH PIP_USER PIP_TARGET PIP_PREFIX
unexport PYTHONDONTWRITEBYTECODE  # each program that the tests run would compile qlab anew
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

# Stamps say what is installed, and for which folder: a virtual environment cannot be moved.
INSTALLED := $(VENV)/.installed
TESTABLE  := $(VENV)/.testable
ifneq ($(shell cat $(INSTALLED) 2>/dev/null && $(PY) -c 'import pip' 2>/dev/null && echo runs),$(CURDIR) runs)
  $(shell rm -f $(INSTALLED) $(TESTABLE))
endif

.DEFAULT_GOAL := help
.PHONY: help setup apps lab test groups lint type browser bench zoo data clean

help: ## list what can be made
	@echo 'qlab: see neural networks being compressed.'
	@echo
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1 \2/p' $(firstword $(MAKEFILE_LIST)) \
	  | awk '{ name = $$1 " " $$2; $$1 = $$2 = ""; printf "  %-12s%s\n", name, $$0 }'

setup: $(INSTALLED) ## make .venv and install qlab into it
	@echo 'qlab is installed in $(VENV); make apps opens the live apps.'

apps: $(INSTALLED) ## open the live apps in a browser, at an address that it prints (PORT=...)
	@$(PY) -m qlab.cli apps $(if $(PORT),--port $(PORT))

lab: $(INSTALLED) ## open the notebooks in JupyterLab (PORT=...)
	@$(PY) -m qlab.cli lab $(if $(PORT),--port $(PORT))

test: $(TESTABLE) lint ## everything that continuous integration runs
	@$(MAKE) --no-print-directory -j2 groups type

groups: browser  # some tests call make: not as a part of this one
	@env -u MAKEFLAGS -u MAKELEVEL $(PY) -m tests.side_by_side

browser: $(TESTABLE)
	@$(PY) -m tests.browser

lint: $(TESTABLE) ## style, stripped notebooks, and who imports whom
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(PY) -m nbstripout --verify --keep-id $(NOTEBOOKS) \
	  || { echo 'lint: a notebook holds outputs. Run: $(PY) -m nbstripout --keep-id $(NOTEBOOKS)' >&2; exit 1; }
	@$(VENV)/bin/lint-imports

type: $(TESTABLE) ## mypy, strict
	@$(PY) -m mypy

bench: browser ## measure the promised speeds and write benchmarks/README.md
	@$(PY) -m benchmarks

zoo: $(INSTALLED) ## train every network of the zoo again and rewrite its cards (hours)
	@$(PY) -m qlab.training.zoo

data: $(INSTALLED) ## build datasets/ again from the published files (needs npm)
	@$(PY) -m pip install -q -c constraints.txt scikit-learn
	@$(PY) datasets/prepare.py

clean: ## remove .venv and everything that can be made again
	rm -rf $(VENV) build dist *.egg-info test-results \
	  .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The first of these that runs, is new enough and can make virtual environments.
CANDIDATES := $(if $(PYTHON),'$(PYTHON)',python3.13 python3.12 python3.11 python3 python)
define find-python
found=; seen=; \
for candidate in $(CANDIDATES); do \
  "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
    || { version=$$("$$candidate" --version 2>/dev/null) && seen="$${seen:-$$version}"; continue; }; \
  "$$candidate" -c 'import ensurepip, venv' 2>/dev/null || { bare="$$candidate"; continue; }; \
  found="$$candidate"; break; \
done; \
if [ -z "$$found" ] && [ -n "$$bare" ]; then \
  echo "qlab: $$bare cannot make virtual environments; install them (Debian, Ubuntu: apt-get install python3-venv), then run make again." >&2; exit 1; \
elif [ -z "$$found" ]; then \
  echo "qlab needs Python 3.11 or newer, and found $${seen:-none}; install one, or name it: make PYTHON=/path/to/python3." >&2; exit 1; \
fi
endef

# While pip works its stamp lies aside: an interrupted run leaves none, and no stamp means that
# nothing in .venv can be trusted (half made, moved, its Python gone), so begin afresh.  When pip
# itself gives up (no network), what was there before still works, and the stamp comes back.
# Python compiles what is imported when it is; pip would compile all that nobody ever imports, too.
define install
[ ! -f $(INSTALLED) ] || mv $(INSTALLED) $(INSTALLED).aside; \
$(PY) -m pip install -q --no-compile -c constraints.txt setuptools \
  && $(PY) -m pip install --no-compile -c constraints.txt --no-build-isolation -e $(1) \
  || { status=$$?; [ ! -f $(INSTALLED).aside ] || mv $(INSTALLED).aside $(INSTALLED); exit $$status; }
endef

$(INSTALLED): pyproject.toml constraints.txt
	@if [ ! -f $@ ]; then \
	  $(find-python); \
	  echo "Making $(VENV) with $$("$$found" --version)."; \
	  "$$found" -m venv --clear $(VENV) || exit 1; \
	fi
	@echo 'Installing qlab; the first time this fetches some hundred MB, on Linux with CUDA several GB.'
	@$(call install,'.[training]')
	@echo '$(CURDIR)' > $@

$(TESTABLE): $(INSTALLED)
	@echo 'Installing what the tests need.'
	@$(call install,'.[training$(comma)test]')
	@mv $(INSTALLED).aside $(INSTALLED)
	@touch $@
