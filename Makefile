# Two commands: `make up` runs everything, `make test` proves it. Needs only Python ≥ 3.11 with pip and venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
WEB := gateways/web
# pip from the lock file: hashes for everything, nothing resolved at install time
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement
EDITABLE := $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .

.PHONY: up setup web web-check test check format test-clients test-api test-edge test-browser bench chaos lock clean

up: setup
	@exec $(BIN)/callplane up $(ARGS)

# the pages; without them everything else runs all the same
setup: $(VENV)/run.ok
	@$(MAKE) --no-print-directory -q web || { echo "web: building the pages"; \
	  $(MAKE) --no-print-directory web >$(VENV)/web.log 2>&1; } || \
	  echo "web: they cannot be built here ($(VENV)/web.log says why); going on without them"

web: $(WEB)/dist/built

web-check: $(VENV)/run.ok
	$(WEB)/build.sh check $(abspath $(BIN))/python

test: $(VENV)/dev.ok
	$(BIN)/pytest -n 2 -m "not edge and not chaos and not contract and not browser" $(ARGS)

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

# the pages in a browser, on a running system
test-browser: $(VENV)/dev.ok web-check web
	tests/browser/install.sh
	$(BIN)/pytest -m browser tests/browser $(ARGS)

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
	uv pip compile --group web --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --no-annotate --quiet \
	  --output-file requirements-web.lock

clean:
	rm -rf $(VENV) .callplane $(WEB)/dist $(WEB)/node_modules

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

$(WEB)/dist/built: $(shell find $(WEB) -name node_modules -prune -o -name dist -prune -o -type f -print) \
  requirements-web.lock | $(VENV)/run.ok
	$(WEB)/build.sh build $(abspath $(BIN))/python
	@touch $@
