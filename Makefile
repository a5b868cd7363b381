# Every target sets up what it needs, into .venv/, from requirements.lock.

PYTHON ?= python3
BIN := .venv/bin
# One thread of linear algebra per process: the same digits everywhere, and no fight over cores.
export OPENBLAS_NUM_THREADS ?= 1
export OMP_NUM_THREADS ?= 1
export PYTHONUTF8 = 1
# Studies whose data is in the repository: all of them are simulated.
SHIPPED = $(shell grep -l '^ *simulated: true' params/*.yml 2>/dev/null)

.DEFAULT_GOAL := help
.PHONY: help reports test notebooks lab check fix bench lock clean

help: ## Print the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 20

reports: .venv/.ready ## Render the report of every study whose data is shipped, into reports/
	$(BIN)/rpeval run $(SHIPPED)
	$(BIN)/rpeval synthesize params/syntheses/districts.yml

test: .venv/.ready ## Run all tests, two at a time
	$(BIN)/python -m pytest -n 2 --dist loadfile

notebooks: .venv/.ready ## Run the notebooks on the simulated study and store them in their committed form
	$(BIN)/python tests/notebooks/stored_form.py

lab: .venv/.ready ## Open JupyterLab on notebooks/
	$(BIN)/jupyter lab --notebook-dir=. $(if $(filter 0,$(shell id -u)),--allow-root) notebooks

check: .venv/.ready ## Check style, layers, stored notebooks, and that no student's row is about to be committed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest -q tests/test_layers.py tests/test_repository.py tests/notebooks/test_stored_form.py

fix: .venv/.ready ## Mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/.ready ## Measure speed, memory and calibration, quickly, into bench/out/ (--full: the tables in bench/)
	$(BIN)/python bench/run.py

lock: ## Pin all dependencies again, with hashes (needs uv)
	uv pip compile --universal --python-version 3.11 --fork-strategy fewest --all-extras --generate-hashes \
	  --no-emit-index-url --no-header --no-annotate --upgrade pyproject.toml -o requirements.lock

clean: ## Remove what the project made: .venv/, reports/, caches
	rm -rf .venv reports build dist *.egg-info .pytest_cache .ruff_cache .hypothesis bench/out
	find . -name __pycache__ -o -name .ipynb_checkpoints | xargs rm -rf

.venv/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "rpeval needs Python 3.11 or newer. Name one: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "This Python cannot make virtual environments. Install its venv package (Debian: apt install python3-venv)."; exit 1; }
	@echo "Setting up .venv/ (once; a minute or two) …"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/jupyter kernelspec install --sys-prefix --name rpeval rpeval/kernels/spec 2>/dev/null
	@touch $@
