# Two commands: `make up` runs everything, `make test` proves it. Needs only Python ≥ 3.11 with pip and venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# pip from the lock file: hashes for everything, nothing resolved at install time
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement
EDITABLE := $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .

.PHONY: up setup test check format test-clients test-api test-edge bench chaos lock clean

up: $(VENV)/run.ok
	@exec $(BIN)/callplane up $(ARGS)

setup: $(VENV)/run.ok

test: $(VENV)/dev.ok
	$(BIN)/pytest -n 2 -m "not edge and not chaos and not contract" $(ARGS)

check: $(VENV)/dev.ok
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/dev.ok
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/run.ok
	$(BIN)/callplane bench all $(ARGS)

# clients generated from the API document, in Python and TypeScript, at work on the service
test-clients: $(VENV)/contract.ok
	$(BIN)/pytest -m contract tests/clients $(ARGS)

# every operation of the API document, with good data and bad
test-api: $(VENV)/contract.ok
	$(BIN)/pytest -m contract tests/contract $(ARGS)

test-edge: $(VENV)/dev.ok
	deploy/edge/install.sh
	$(BIN)/pytest -m edge tests/edge $(ARGS)

chaos: $(VENV)/dev.ok
	$(BIN)/pytest -m chaos --timeout 1800 tests/chaos $(ARGS)

# after a change of pyproject.toml; needs uv
lock:
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --no-annotate --quiet --output-file requirements.lock
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --no-annotate --quiet --constraint requirements.lock \
	  --output-file requirements-dev.lock
	uv pip compile --group contract --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --no-annotate --quiet \
	  --output-file requirements-contract.lock

clean:
	rm -rf $(VENV) .callplane

$(VENV)/bin/pip:
	$(PYTHON) -c 'import sys; sys.exit("Callplane needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/run.ok: $(VENV)/bin/pip requirements.lock pyproject.toml
	$(INSTALL) requirements.lock
	$(EDITABLE)
	@touch $@

$(VENV)/dev.ok: $(VENV)/run.ok requirements-dev.lock
	$(INSTALL) requirements-dev.lock
	@touch $@

$(VENV)/contract.ok: $(VENV)/dev.ok requirements-contract.lock
	$(PYTHON) -m venv $(VENV)/contract
	$(VENV)/contract/bin/pip install --quiet --disable-pip-version-check --require-hashes \
	  --requirement requirements-contract.lock
	@touch $@
