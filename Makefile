# One name per command; .ci/run calls the same ones. `make` alone lists them.
# After `make setup` nothing here needs the network, except `make lock`.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp
LOCKS := requirements.txt requirements-stubs.txt

# Directories that are checked as strictly as can be; `bench` joins them when it is there.
STRICT := gateline.py firmware/kiosk/touch gateway pytest_gateline simulator tests $(wildcard bench)

# A virtual environment holds its own absolute path, so one that was moved or copied is not done: the stamp says where.
ifneq ($(shell cat $(STAMP) 2>/dev/null),$(CURDIR))
.PHONY: $(STAMP)
endif

# Sets $$python: the first that is new enough and can make a virtual environment; says what to install if there is none.
# A piece of shell and no target, for a recipe that calls make is run even by `make -n`.
define FIND_PYTHON
python=""; old=""; \
for candidate in $${PYTHON:-python3.11 /usr/bin/python3.11 python3 python3.12 python3.13 /usr/bin/python3}; do \
	"$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	if "$$candidate" -c 'import ensurepip, venv' 2>/dev/null; then python="$$(command -v "$$candidate")"; break; fi; \
	old="$$candidate"; \
done; \
if [ -z "$$python" ] && [ -n "$$old" ]; then \
	version="$$("$$old" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"; \
	echo "$$old cannot make virtual environments: install that part with" \
		"'sudo apt install python$$version-venv' and run 'make setup' again." >&2; \
	exit 1; \
elif [ -z "$$python" ]; then \
	echo "No Python 3.11 or newer was found: install one with 'sudo apt install python3.11 python3.11-venv'," \
		"or name it, as in 'make setup PYTHON=/path/to/python3.11'." >&2; \
	exit 1; \
fi;
endef

# A process for each core; then, one by one, the tests that want the machine to themselves. $(1) narrows which tests run,
# $(2) is for pytest. Whoever interrupts (status 2) interrupts both.
WORKERS ?= $(shell nproc 2>/dev/null || echo 2)
define RUN_TESTS
status=0; \
$(BIN)/python -m pytest $(2) -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "$(1) not alone" || status=$$?; \
[ $$status -eq 2 ] || $(BIN)/python -m pytest $(2) -m "$(1) alone" || status=$$?; \
exit $$status
endef

.PHONY: help setup demo simulate test check bench clean lock python

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

setup: $(STAMP) ## make .venv from the lock and install Gateline into it

# The stamp goes first and comes back last: an interrupted setup leaves none, and the next one starts afresh.
$(STAMP): $(LOCKS) pyproject.toml
	@if [ "$$(cat $(STAMP) 2>/dev/null)" = "$(CURDIR)" ] && $(BIN)/python -c '' 2>/dev/null; then \
		echo "Bringing $(VENV) up to date with the lock."; \
	else \
		$(FIND_PYTHON) \
		echo "Making $(VENV) with $$python."; \
		rm -rf $(VENV); "$$python" -m venv $(VENV); \
	fi; \
	rm -rf $(STAMP) $(VENV)/stubs; \
	export PIP_DISABLE_PIP_VERSION_CHECK=1; \
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.txt; \
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes --target $(VENV)/stubs -r requirements-stubs.txt; \
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .; \
	printf '%s\n' "$(CURDIR)" > $(STAMP); \
	echo "Gateline is set up. Next: make demo"

python: # the Python that setup would use
	@$(FIND_PYTHON) echo "$$python"

demo: $(STAMP) ## a gateline at its evening peak, counted against the truth
	@$(BIN)/gateline demo

simulate: $(STAMP) ## run a scenario: make simulate SCENARIO=evening-peak
	@$(BIN)/gateline simulate scenarios/$(or $(SCENARIO),evening-peak).toml

test: $(STAMP) ## every test, the slow ones too
	@$(call RUN_TESTS,)

check: $(STAMP) ## format, lint, types, walls and the quick tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy $(STRICT)
	$(BIN)/mypy --config-file mypy-firmware.ini firmware
	$(BIN)/lint-imports
	@$(call RUN_TESTS,not slow and,-q)

bench: $(STAMP) ## measure, on this machine
	@$(BIN)/python -m bench

clean: ## remove all that make and the tools made, .venv too
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Needs the network. The compiler works in a throw-away environment, so that it is no part of the lock.
lock: ## compile the locks anew from requirements*.in
	@$(FIND_PYTHON) tools="$$(mktemp -d)"; trap 'rm -rf "$$tools"' EXIT; \
	"$$python" -m venv "$$tools"; "$$tools/bin/python" -m pip install --quiet pip-tools==7.6.2; \
	for part in requirements requirements-stubs; do \
		CUSTOM_COMPILE_COMMAND="make lock" "$$tools/bin/pip-compile" --quiet --generate-hashes --allow-unsafe \
			--strip-extras --no-emit-index-url --no-emit-find-links --output-file $$part.txt $$part.in; \
	done
