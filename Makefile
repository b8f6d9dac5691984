# The two commands of the README are `make demo` and `make test`; each does all its own set-up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
WORKERS ?= 2
APT_PACKAGES := prometheus openssl

.PHONY: demo test test-long test-deps check bench install clean
.DEFAULT_GOAL := help

help: ## show what each command does
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

install: $(INSTALLED) ## make the virtual environment and install everything into it

$(INSTALLED): pyproject.toml constraints.txt scripts/venv.sh
	@sh scripts/venv.sh "$(PYTHON)" "$(VENV)"
	@touch $@

demo: $(INSTALLED) ## release a good and a bad version on this machine and watch
	@$(BIN)/serinus demo $(ARGS)

test: $(INSTALLED) ## run the tests (with CI=true also install the system parts that some need)
ifeq ($(CI),true)
	@$(MAKE) --no-print-directory test-deps
endif
	@$(BIN)/python -m pytest -m "not long" -n $(WORKERS) $(ARGS)

test-long: $(INSTALLED) ## run all tests, also those that take minutes: an hour or so on two cores
	@$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

test-deps: $(INSTALLED) ## install the system parts that some tests need (Debian; asks for root)
	@sh scripts/test_deps.sh "$(BIN)" $(APT_PACKAGES)

check: $(INSTALLED) ## format, lint, types, import contracts, tidiness: under a minute
	@$(BIN)/ruff format --check -q . && $(BIN)/ruff check -q .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-cache > $(VENV)/lint-imports.log || (cat $(VENV)/lint-imports.log; exit 1)
	@$(BIN)/python -m pytest tests/tidy $(ARGS)

bench: $(INSTALLED) ## measure; prints ratios, not seconds
	@$(BIN)/python -m benchmarks $(ARGS)

clean: ## remove what the other commands made
	rm -rf $(VENV) .mypy_cache .ruff_cache .hypothesis dist build
