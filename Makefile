# Two commands matter: `make run` and `make test`. The rest is for those who change Nightdesk; see CONTRIBUTING.md.
#
#   make run       everything, on this machine: database, web, worker, demo company. Ctrl-C stops all of it.
#   make test      the whole suite, on all cores (ARGS="-k acknowledge" for a part of it, TEST_JOBS=0 in one process)
#   make test-phone   the phone line with a real Asterisk and real telephones on loopback (make asterisk unpacks it)
#   make slow      those of the suite that .ci/run leaves out: screens, the solver, kills at random moments, the wheel, most
#                  stories of whole programs, some of telephones, and once more on Debian's PostgreSQL 15 what speaks SQL of its own
#   make left-out  their files, as arguments for pytest
#   make check     format, lint, types, layers, house rules, migrations, docs, clean tree
#   make bench     what the README says about speed (ONLY=name)
#   make kills     kill processes at random moments during alarms and a fan-out (N=200)
#   make chaos     break everything while the work goes on, and judge what became of it (root; MINUTES=5, NIGHTDESK_SEED=n)
#   make fuzz      spoil real mails, notices, PDUs, alarms, calendars and events at random, for every parser (CASES=5000 each)
#   make faults    plant faults and demand that tests catch them (ONLY=name, JOBS=2)
#   make faces     every screen at every width and theme (FACES=once: each of them once);  make pictures: those of the README
#   make carriers  what reads carriers' own formats, in an environment of its own (.carriers)
#   make lock      compile requirements/*.in with hashes (needs uv; UPGRADE=1 takes newer versions)
#   make wheel     build the package into dist/;  make clean: remove all that was made, but not .state (the database)

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
AXE := node_modules/.package-lock.json
CARRIERS := .carriers/.made
PIP := $(PY) -m pip --quiet --quiet --disable-pip-version-check --no-input
UV ?= uv
N ?= 200
MINUTES ?= 5
JOBS ?= 1
TEST_JOBS ?= auto
CASES ?= 5000
ONLY ?=
ARGS ?=
NIGHTDESK_DEMO ?= 1
export PYTHONPATH := src
# Tests start hundreds of processes; where nobody keeps bytecode, each of them compiles the whole program anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run test test-phone asterisk slow left-out check bench kills chaos fuzz faults faces pictures carriers lock wheel clean standby-links
.DELETE_ON_ERROR:

help:
	@sed -n '/^$$/q; s/^# \{0,1\}//p' Makefile

run: $(VENV)/.run
	@NIGHTDESK_DEMO=$(NIGHTDESK_DEMO) $(PY) -m nightdesk serve

# Each file is one process's, in the order of the file names: those that start whole programs (tests/) come first, and many
# short ones (src/) fill up the end.
SIDE_BY_SIDE := --numprocesses $(TEST_JOBS) --maxprocesses 8 --dist loadfile --no-loadscope-reorder

SLOW := tests/test_faces.py tests/test_first_tables.py tests/test_portal_faces.py tests/test_safe_keeping.py tests/test_wheel.py tests/test_bureau_walk.py \
	tests/test_handover_kills.py tests/test_kills.py tests/test_standby_links.py \
	tests/test_moments.py \
	$(addprefix tests/system/test_,$(addsuffix .py,outside two_servers patroni next_release nagios kannel old_clients second_site push failover walk_line bureau rotas personal_export \
	desk_mail desk voice handover line_failover outage smpp lone_working own_sign_in visit_answers)) \
	src/nightdesk/rota/planner/tests/test_solver.py src/nightdesk/base/tests/test_postgres.py tests/api/test_contract.py \
	$(addprefix tests/phone/test_,stand_by.py command_line.py twiml_talks.py)
ON_15 := src/nightdesk/base src/nightdesk/channels src/nightdesk/journal
slow: $(VENV)/.dev $(AXE) asterisk
	$(PY) -m pytest $(SLOW)
	NIGHTDESK_TEST_POSTGRES=15 $(PY) -m pytest $(SIDE_BY_SIDE) $(ON_15)

left-out:
	@echo $(SLOW:%=--ignore=%)

test: $(VENV)/.dev $(AXE) $(CARRIERS)
	@$(PY) -m tools.system_parts
	$(PY) -m pytest $(SIDE_BY_SIDE) --ignore=$(PHONE) $(ARGS)

# Telephones ring in real time: two stories at once leave the machine time to spare.
PHONE := tests/phone
test-phone: $(VENV)/.dev asterisk
	$(PY) -m pytest --numprocesses 2 --dist load $(PHONE) $(ARGS)

# Without it the tests of the phone line are skipped by name.
asterisk: $(VENV)/.dev
	@$(PY) -m tools.system_parts
	@$(PY) -m tools.asterisk || true

# In parts that may run side by side: make --jobs 2 check.
CHECKS := types house docs
.PHONY: $(CHECKS:%=check-%)
check: $(CHECKS:%=check-%)

check-types: $(VENV)/.dev
	$(PY) -m mypy

check-house: $(VENV)/.dev
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m tools.house
	$(PY) -m tools.clean_tree
	$(PY) -m tools.old_workers
	$(PY) -m tools.catalogs --check
	$(VENV)/bin/lint-imports --no-logo --no-cache
	$(PY) -m nightdesk makemigrations --check --dry-run

check-docs: $(VENV)/.dev
	$(PY) -m pytest tests/test_docs.py

bench: $(VENV)/.dev
	$(PY) -m bench $(ONLY)

kills: $(VENV)/.dev
	NIGHTDESK_KILLS=$(N) $(PY) -m pytest -s tests/test_kills.py tests/test_fan_out_kills.py

# A small disk of its own and names of its own need root. About as long as it says, and some minutes until all has settled.
chaos: $(VENV)/.dev
	NIGHTDESK_CHAOS_MINUTES=$(MINUTES) $(PY) -m tests.chaos

fuzz: $(VENV)/.dev
	FUZZ_CASES=$(CASES) $(PY) -m pytest tests/test_fuzz.py --durations 25 -k "$(ONLY)"

# Two sites in network namespaces, their cable cut and laid anew; needs root.
standby-links: $(VENV)/.dev
	NIGHTDESK_LINKS=1 $(PY) -m pytest -s tests/test_standby_links.py

faults: $(VENV)/.dev
	$(PY) -m tools.mutate --only "$(ONLY)" --jobs $(JOBS)

faces: $(VENV)/.dev $(AXE)
	NIGHTDESK_FACES=$(or $(FACES),all) $(PY) -m pytest tests/test_faces.py

pictures: $(VENV)/.dev
	$(PY) -m tools.pictures

carriers: $(CARRIERS)
	@echo "It is in .carriers; say so with NIGHTDESK_CARRIER_PARSER=$(CURDIR)/.carriers/bin/python"

# dev.txt is compiled under run.txt, so that both install the same versions.
COMPILE = $(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate \
	--python-version 3.11 $(if $(UPGRADE),--upgrade)
lock:
	@command -v $(UV) >/dev/null || { \
	  echo "make lock needs uv, which is not here. Install it, or say where it is: make lock UV=..." >&2; exit 1; }
	$(COMPILE) requirements/run.in --output-file requirements/run.txt
	$(COMPILE) requirements/carriers.in --output-file requirements/carriers.txt
	$(COMPILE) requirements/dev.in --constraint requirements/run.txt --output-file requirements/dev.txt

wheel: $(VENV)/.dev
	$(PY) -m build --wheel --no-isolation

clean:
	rm -rf $(VENV) .carriers .asterisk .schemas build dist node_modules bench/out faces .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps say what is installed. Each is written last, so that an install that broke off is done again.
$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Nightdesk needs Python 3.11 or newer; '$(PYTHON)' is older, or not there." >&2; \
	  echo "Name another one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "'$(PYTHON)' cannot make a virtual environment. On Debian: apt-get install python3-venv" >&2; exit 1; }
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.run: requirements/run.txt | $(VENV)/.made
	@echo "Installing what Nightdesk runs on (the first time this takes a moment) ..." >&2
	@$(PIP) install --require-hashes --requirement requirements/run.txt
	@touch $@

$(VENV)/.dev: requirements/dev.txt | $(VENV)/.made
	@echo "Installing what checks and tests Nightdesk ..." >&2
	@$(PIP) install --require-hashes --requirement requirements/dev.txt
	@touch $@

# The accessibility rules, for tests only. npm writes this file itself; without npm their test is skipped by name.
$(AXE): package-lock.json
	@if command -v npm >/dev/null && npm ci --silent; then touch $@; fi

# Carriers' formats are an extra: without it their tests are skipped by name, and Nightdesk runs all the same.
$(CARRIERS): requirements/carriers.txt
	@rm -rf .carriers; if $(PYTHON) -m venv .carriers && .carriers/bin/python -m pip --quiet --quiet \
	  --disable-pip-version-check --no-input install --require-hashes --requirement $<; \
	  then touch $@; else rm -rf .carriers; fi
