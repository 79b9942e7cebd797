# `make run` and `make test` do all the set-up on a fresh machine; they need Python 3.11 or later.

PYTHON ?= python3
BIN := .venv/bin
CLIENTS := ircrobots limnoria pydle

.PHONY: run client client-zipapp dist deb docs captures test test-redis test-clients test-web soak check bench bench-login clean

run: .venv/run.stamp
	@exec $(BIN)/python chatroom_server.py $(ARGS)

client: .venv/run.stamp
	@exec $(BIN)/python chatroom_client.py $(ARGS)

client-zipapp: .venv/run.stamp
	$(BIN)/python packaging/client_zipapp.py chatroom-client.pyz

# The wheels of the project and of the stand-in, for pip, pipx and uv: see docs/operating.md.
dist: .venv/run.stamp
	@rm -rf dist build
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist \
		. ./packaging/pycrypto
	@rm -rf build chatroom.egg-info packaging/pycrypto/build packaging/pycrypto/*.egg-info
	@ls dist

deb: dist
	packaging/deb/build

docs: .venv/run.stamp
	$(BIN)/python packaging/commands_page.py

captures: .venv/dev.stamp
	$(BIN)/python -m tests.captures

test: .venv/dev.stamp
	$(BIN)/python -m pytest -m "not soak and not clients and not browser" -n 4 --dist loadfile $(ARGS)

test-redis: .venv/dev.stamp
	$(BIN)/python -m pytest --engine redis --ignore tests/storage/contract \
		-m "not soak and not clients and not browser" -n 4 --dist loadfile $(ARGS)

# IRC clients of others; what comes from packages is named in CONTRIBUTING.md.
test-clients: .venv/dev.stamp $(CLIENTS:%=.venv-clients/%.stamp) .venv-clients/node.stamp
	$(BIN)/python -m pytest -m clients tests/clients $(ARGS)

# The page in a real browser: Chromium and npm come from packages, see CONTRIBUTING.md.
test-web: .venv/web.stamp .venv-clients/web.stamp
	$(BIN)/python -m pytest -m browser tests/browser $(ARGS)

soak: .venv/dev.stamp
	$(BIN)/python -m pytest -m soak --timeout 3600 $(ARGS)

check: .venv/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/dev.stamp
	$(BIN)/python -m benchmarks $(ARGS)

.venv/made.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed; name one with: make PYTHON=python3.12 run"; exit 1; }
	$(PYTHON) -m venv .venv
	@touch $@

.venv/run.stamp: .venv/made.stamp requirements.txt packaging/pycrypto/pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/dev.stamp: .venv/run.stamp requirements-dev.txt requirements-cluster.txt requirements-metrics.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

# Their requirements clash with one another.
.venv-clients/%.stamp: tests/clients/requirements-%.txt
	@$(PYTHON) -m venv .venv-clients/$*
	.venv-clients/$*/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

.venv-clients/node.stamp: tests/clients/node/package.json tests/clients/node/package-lock.json
	@mkdir -p .venv-clients/node
	@cp $^ .venv-clients/node
	npm ci --prefix .venv-clients/node --ignore-scripts --no-audit --no-fund --loglevel error
	@touch $@

.venv/web.stamp: .venv/dev.stamp tests/browser/requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r tests/browser/requirements.txt
	@touch $@

.venv-clients/web.stamp: tests/browser/node/package.json tests/browser/node/package-lock.json
	@mkdir -p .venv-clients/web
	@cp $^ .venv-clients/web
	npm ci --prefix .venv-clients/web --ignore-scripts --no-audit --no-fund --loglevel error
	@touch $@

bench-login: .venv/run.stamp
	$(BIN)/python -m benchmarks.login $(ARGS)

clean:
	rm -rf .venv .venv-clients .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build
