# The verbs of Wanmi. Each sets up what it needs; on a bare Debian 12, as root or with sudo, by itself.
# `make help` lists them. ARGS is passed on: make test ARGS="tests/gis -k oracle".

STATE := $(or $(WANMI_STATE),.wanmi)
UV = $(shell uv --version >/dev/null 2>&1 && echo uv || echo $(STATE)/uv/bin/uv)
RUN = $(UV) run --frozen --no-sync
ARGS ?=
# hundreds of processes are started: what Python has read once it keeps
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run test test-long lint bench picture notebooks setup setup-test setup-lint setup-bench setup-notebooks clean
.NOTPARALLEL:

help: ## list the verbs
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

run: setup ## from a bare machine to the demo city on http://127.0.0.1:8000
	@$(RUN) wanmi demo $(ARGS)

# processes share the cores: threads of their algebra would wait for each other, four times as long as they work
test: setup-test ## all tests but the long ones, with PostGIS and a browser
	@OPENBLAS_NUM_THREADS=1 $(RUN) pytest -n 4 --dist loadfile --no-loadscope-reorder -m "not long" $(ARGS)

test-long: setup-test ## all tests in full counts
	@OPENBLAS_NUM_THREADS=1 $(RUN) pytest $(ARGS)

lint: setup-lint ## style, layers, types
	@$(RUN) ruff check .
	@$(RUN) ruff format --check .
	@$(RUN) lint-imports
	@$(RUN) mypy

bench: setup-bench ## rates of load, assignment, HTTP … beside their peers, in one run
	@$(RUN) python -m tests.bench $(ARGS)

picture: setup-test ## the pictures of the map pages, from the loaded demo city
	@$(RUN) python -m tests.picture $(ARGS)

notebooks: setup-notebooks ## execute the notebooks in place
	@for notebook in notebooks/*.ipynb; do \
		[ ! -e "$$notebook" ] || $(RUN) jupyter-execute --inplace "$$notebook" || exit 1; \
	done

setup: ## packages, environment, scripts of the pages, compile cache
	@.ci/setup run

setup-test:
	@.ci/setup test

setup-lint:
	@.ci/setup lint

setup-bench:
	@.ci/setup bench

setup-notebooks:
	@.ci/setup notebooks

clean: ## remove what set-up made, but no database
	rm -rf .venv api/pages/node_modules $(STATE)/uv $(STATE)/packages.log
	rm -rf .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
