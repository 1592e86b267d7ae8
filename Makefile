# Pomelo. `make run` and `make test` need Python >= 3.11 and nothing else; they install what is missing into .venv.
SHELL := /bin/sh
.DEFAULT_GOAL := help
BIN := .venv/bin
export MAKECMDGOALS
# Where this is set, every process compiles all that it imports: the platform takes 4 s to import instead of 1.8 s, and a
# run of the suite does that more than a hundred times.
unexport PYTHONDONTWRITEBYTECODE

# Variables of `make run`, set on the command line or in the environment: make run PORT=8001 DATA_DIR=.data2
export HOST PORT DATA_DIR TLS PYTHON

.PHONY: help run dev backup restore drills test restore-test test-cluster test-proxies test-clients test-upgrade check attack docs shell bench chaos lock install-base install-dev

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

install-base:
	@sh requirements/install.sh base

install-dev:
	@sh requirements/install.sh dev

run: install-base ## run everything in the foreground (HOST, PORT, DATA_DIR, TLS=1); Ctrl-C stops all of it
	@$(BIN)/python -m config.run

backup: install-base ## back the database up while it serves (ARGS="/folder" says where; default: DATA_DIR/backups)
	@$(BIN)/python manage.py backup $(ARGS)

restore: install-base ## restore a backup, platform stopped, and verify it (ARGS="/folder/pomelo-… [--replace]", ARGS=--help)
	@$(BIN)/python manage.py restore $(ARGS)

dev: install-dev ## the same for whoever changes the code: web and worker start again at each change, error pages, breakpoint() works (PORT, DATA_DIR)
	@DEV=1 $(BIN)/python -m config.run

test: install-dev ## run the whole suite against real PostgreSQL and Valkey (ARGS="tests/apikeys -x" narrows it)
	@sh tests/journeys/install-chromium.sh $(ARGS)
	@$(BIN)/python -m pytest -n logical --dist loadfile --no-loadscope-reorder $(ARGS)

restore-test: install-dev ## back a platform up, restore it elsewhere, and count what arrives (part of `make test`)
	@$(BIN)/python -m pytest tests/restore $(ARGS)

test-cluster: install-dev ## a short life on every server Pomelo promises to work with, where it is installed (POSTGRES_16_BIN=… names programs)
	@POMELO_TEST_CLUSTER=1 $(BIN)/python -m pytest $(if $(findstring tests/,$(ARGS)),,tests/cluster) -rs $(ARGS)

test-proxies: install-dev ## forged headers and cut bodies through each proxy of deploy/proxies that is installed (NGINX=… HAPROXY=… CADDY=… ENVOY=… name programs)
	@POMELO_TEST_PROXIES=1 $(BIN)/python -m pytest tests/proxies -rs $(ARGS)

test-clients: install-dev ## lint docs/openapi.json; make clients of it with each generator, compile them and call a live server (needs npm; `make test` does the one whose generator is a development requirement; ARGS="-k hey" narrows it)
	@POMELO_TEST_CLIENTS=1 $(BIN)/python -m pytest tests/clients_generated $(ARGS)

test-upgrade: install-dev ## run the API tests of the release before on the schema of this code (FROM=v1.0.0 or a commit; default: the newest tag)
	@POMELO_TEST_UPGRADE_FROM=$(FROM) $(BIN)/python -m pytest tests/upgrade/test_release_before.py -rs $(ARGS)

check: install-dev ## lint, types, import directions, migrations, templates, schema, repository hygiene
	@sh .ci/check

attack: install-dev ## attack a running Pomelo the way tests/attacks do, one class after the other (TARGET=https://… for your own)
	@ATTACK_TARGET=$(TARGET) $(BIN)/python -m pytest tests/attacks $(ARGS)

docs: install-dev ## write the generated pages: docs/errors.md, docs/openapi.json, lists in docs/audit.md and authentication.md
	@DJANGO_SETTINGS_MODULE=config.settings.test $(BIN)/python manage.py generate_error_docs
	@DJANGO_SETTINGS_MODULE=config.settings.test $(BIN)/python manage.py generate_audit_docs
	@DJANGO_SETTINGS_MODULE=config.settings.test $(BIN)/python manage.py generate_scope_docs
	@DJANGO_SETTINGS_MODULE=config.settings.test $(BIN)/python manage.py generate_openapi

shell: install-base ## a Python shell with Django set up, on the servers of a running `make run`
	@$(BIN)/python manage.py shell

bench: install-dev ## measure, and print one table of ratios
	@$(BIN)/python -m tests.benchmarks $(ARGS)

chaos: install-dev ## kill every part at random for five minutes and count what was lost
	@$(BIN)/python -m tests.chaos $(ARGS)

drills: install-dev ## take each part away for a minute under traffic and count what callers saw (ARGS="valkey --seconds 20")
	@$(BIN)/python -m tests.drills $(ARGS)

lock: install-dev ## compile requirements/*.txt from pyproject.toml
	@$(BIN)/python requirements/lock.py
