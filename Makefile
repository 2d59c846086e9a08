# `make demo` shows it running, `make test` proves it. Both need Python 3.11 or later, git and make, and nothing else.

PYTHON ?= python3
PORT ?= 8000
ARGS ?=
RUN = .venv/bin/python

# Programs are run as modules: the scripts of a virtual environment break where its path has a space.
LINT_IMPORTS = $(RUN) -c "from importlinter.cli import lint_imports_command; lint_imports_command()"
# No server listens there: these look at code, not at a database.
NO_DATABASE = DATABASE_URL=postgresql://nobody@/none?host=/nonexistent SECRET_KEY=$(PASSING_KEY) \
	ALLOWED_HOSTS=regulars.example
PASSING_KEY = $$($(RUN) -c 'import secrets; print(secrets.token_urlsafe(64))')

.PHONY: install demo test check docs bench bench-large format

# The virtual environment keeps a copy of what was installed into it, and is made anew when that has changed.
install:
	@cmp -s requirements-dev.txt .venv/requirements-dev.txt || { \
		$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed.")' && \
		$(PYTHON) -m venv --clear .venv && \
		$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt && \
		cp requirements-dev.txt .venv/requirements-dev.txt; }

demo: install
	@$(RUN) manage.py demo --port $(PORT)

# PG=16 for the older PostgreSQL, DATABASE_URL=... for a server of yours, ARGS="-k till" for some of the tests.
# The whole suite also has to cover the code: 85 % of its lines, 80 % of jobs and commands taken alone.
test: install
ifeq ($(ARGS)$(PG),)
	@rm -f .coverage .coverage.*
	$(RUN) -m pytest -n auto --maxprocesses=8 --dist=worksteal --cov --cov-report=
	@$(RUN) -m coverage report --fail-under=85
	@$(RUN) -m coverage report --fail-under=80 --include='*/jobs.py,*/jobs/*,*/management/commands/*'
else
	$(RUN) -m pytest -n auto --maxprocesses=8 --dist=worksteal $(ARGS)
endif

check: install
	$(RUN) -m ruff format --check --quiet .
	$(RUN) -m ruff check --quiet .
	$(RUN) -m mypy
	$(LINT_IMPORTS)
	@test -z "$$(find templates -name '*.html' 2>/dev/null)" || $(RUN) -m djlint --quiet --check --lint templates
	@$(NO_DATABASE) $(RUN) -W ignore manage.py makemigrations --check --dry-run
	@$(NO_DATABASE) $(RUN) manage.py check --deploy --fail-level WARNING
	@$(NO_DATABASE) $(RUN) -W ignore manage.py spectacular --validate --fail-on-warn | cmp -s - docs/openapi.yaml || \
		{ echo 'docs/openapi.yaml is not the schema of the code: make schema'; exit 1; }
	@$(NO_DATABASE) $(RUN) -W ignore manage.py openapi_types | cmp -s - docs/types/loyalty.d.ts || \
		{ echo 'docs/types/loyalty.d.ts is not made from the schema: make schema'; exit 1; }

# The committed schema and the TypeScript types made from it.
schema: install
	@$(NO_DATABASE) $(RUN) -W ignore manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml
	@$(NO_DATABASE) $(RUN) -W ignore manage.py openapi_types --file docs/types/loyalty.d.ts

format: install
	$(RUN) -m ruff format .
	$(RUN) -m ruff check --fix .
	$(RUN) -m djlint --quiet --reformat templates

docs: install
	$(RUN) -m zensical build --clean --strict

bench: install
	@$(RUN) -m tests.bench

bench-large: install
	@$(RUN) -m tests.bench --large
