# 来电 laidian — make demo, make test; everything else is here too.
VENV := .venv
PY := $(VENV)/bin/python
WEB := screenpop/web

.PHONY: demo test setup lint bench lock clean

demo: setup ## set up and run the main job: Asterisk, the service, agents and callers
	$(VENV)/bin/laidian demo

test: setup ## the whole test suite, with a real Asterisk, PostgreSQL and Chromium
	$(PY) -m pytest -n 2 --dist loadgroup $(PYTEST_ARGS)

setup: $(VENV)/.stamp $(WEB)/dist/index.html ## everything that demo and test need

lint: setup ## ruff, mypy strict, TypeScript
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	cd $(WEB) && PATH="$(abspath $(VENV))/bin:$$PATH" npm run --silent lint

bench: setup ## measures of bench/, printed with ratios
	$(PY) -m bench

$(VENV)/.stamp: pyproject.toml requirements/lock.txt
	./tools/system-packages
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/lock.txt
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	command -v npm >/dev/null || $(VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/node.txt
	$(VENV)/bin/laidian asterisk locate || true # put together now, not within some test's time limit
	touch $@

$(WEB)/dist/index.html: $(VENV)/.stamp $(WEB)/package-lock.json $(shell find $(WEB)/src -type f 2>/dev/null)
	cd $(WEB) && PATH="$$PATH:$(abspath $(VENV))/bin" && npm ci --silent --no-audit --no-fund && npm run --silent build
	touch $@

lock: ## pin every dependency again, with hashes and without addresses
	$(VENV)/bin/uv pip compile -q --python-version 3.11 --all-extras --generate-hashes --no-emit-index-url --no-emit-find-links \
		--no-annotate --custom-compile-command "make lock" pyproject.toml -o requirements/lock.txt

clean: ## remove what setup made (not the cached Asterisk)
	rm -rf $(VENV) $(WEB)/node_modules $(WEB)/dist
