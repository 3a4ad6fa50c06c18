# Everything runs in .venv, made from pinned versions. `make` alone lists the targets.
PYTHON ?= python3.11
BIN := .venv/bin
STAMP := .venv/installed
PIP := $(BIN)/python -m pip --disable-pip-version-check

OUT := build/bench-search
BENCH := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m benchmarks.search

VLLM := .venv-vllm
VLLM_PIP := $(VLLM)/bin/python -m pip --disable-pip-version-check

LM_EVAL := .venv-lm-eval

# Not torch nor what it alone pulls: see services/executor/Dockerfile.
hashed = .venv.lock/bin/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-header --no-annotate \
	--constraint requirements/constraints.txt --output-file .venv.lock/$(1).txt $(2) && \
	awk '/^[a-z]/ { torch = /^(torch|triton|nvidia-|cuda-)/ } !torch' .venv.lock/$(1).txt > requirements/$(1).txt

# What docker compose starts: PROFILE=cpu or gpu, EXECUTORS=4 of them.
PROFILE := cpu
EXECUTORS := 1
COMPOSE := docker compose --profile $(PROFILE)
# The trex command beside the evaluator's vault, where rows are sealed.
TREX := $(COMPOSE) exec --env TREX_URL=http://planner:8686 \
	--env TREX_TOKEN="$$(sed -n 's/^TREX_PLANNER_TOKEN=//p' .env)" evaluator python -m trex

.PHONY: help install check test vllm lm-eval test-vllm test-lm-eval demo bench-search bench-search-report \
	up down logs demo-compose test-compose lock lock-images clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "%-20s %s\n", $$1, $$2}'

install: $(STAMP) ## make .venv with everything a laptop needs

# torch first and alone: whatever build the index offers is kept by all that follows.
$(STAMP): requirements/constraints.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(PIP) install --quiet --constraint requirements/constraints.txt torch
	$(PIP) install --quiet --constraint requirements/constraints.txt --editable '.[dev]'
	@touch $@

check: $(STAMP) ## format, lint, types, imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

test: $(STAMP) ## unit, contract, architecture and integration tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile

vllm: $(VLLM)/installed ## make .venv-vllm, which serves models with vLLM on the CPU: 3.5 GB

# Without dependencies, for vLLM names more than a server of text needs; all that it does need is listed.
$(VLLM)/installed: requirements/vllm.txt
	$(PYTHON) -m venv $(VLLM)
	$(VLLM_PIP) install --quiet --constraint requirements/vllm.txt torch
	$(VLLM_PIP) install --quiet --no-deps --requirement requirements/vllm.txt
	@touch $@

lm-eval: $(LM_EVAL)/installed ## make .venv-lm-eval, which scores guards such as lm_eval:piqa: 0.8 GB

$(LM_EVAL)/installed: requirements/lm_eval.txt
	$(PYTHON) -m venv $(LM_EVAL)
	$(LM_EVAL)/bin/python -m pip --disable-pip-version-check install --quiet --no-deps --requirement requirements/lm_eval.txt
	@touch $@

test-vllm: $(STAMP) $(VLLM)/installed ## evaluator and researcher against real vLLM servers
	$(BIN)/python -m pytest tests/vllm --ignore tests/vllm/test_lm_eval.py

test-lm-eval: $(STAMP) $(VLLM)/installed $(LM_EVAL)/installed ## lm-evaluation-harness against a real vLLM server
	$(BIN)/python -m pytest tests/vllm/test_lm_eval.py

demo: $(STAMP) ## watch a whole search on this machine, in about four minutes
	$(BIN)/trex demo

bench-search: $(STAMP) ## the pre-registered comparison of searches, anew, in about three quarters of an hour
	$(BENCH) --out $(OUT)

bench-search-report: $(STAMP) ## print the tables of the committed rows, in a minute
	$(BENCH) --out benchmarks/search/results

up: .env ## build the images and start PROFILE=cpu or gpu with EXECUTORS=1 or more
	REVISION=$$(git rev-parse HEAD) SOURCE=$$(git config --get remote.origin.url || echo unknown) \
	$(COMPOSE) up --build --detach --wait --scale executor$(filter-out -cpu,-$(PROFILE))=$(EXECUTORS)

# The example with random secrets in it.
.env:
	@umask 077 && while IFS= read -r line; do case "$$line" in \
	  REDIS_*_PASSWORD=|"# TREX_PLANNER_TOKEN=") \
	    echo "$${line#\# }$$(od -A n -N 18 -t x1 /dev/urandom | tr -d ' \n')";; \
	  *) printf '%s\n' "$$line";; esac; done < .env.example > $@
	@echo "made .env with secrets of its own"

down: ## stop the containers; what they have written stays
	docker compose --profile '*' down

logs: ## follow what the containers say
	$(COMPOSE) logs --follow --tail 100

demo-compose: up ## watch the demo's search in containers
	docker compose run --rm --build demo
	$(TREX) submit /demo/job.yaml
	docker compose run --rm demo rm /demo/dev.jsonl /demo/confirm.jsonl /demo/test.jsonl
	$(TREX) watch
	$(TREX) report

test-compose: $(STAMP) ## images, containers and their users for real: wants a Docker engine with Compose v2
	$(BIN)/python -m pytest -vv --capture=no tests/compose

lock: ## write requirements/constraints.txt from the newest versions that pyproject.toml allows
	rm -rf .venv.lock && $(PYTHON) -m venv .venv.lock
	.venv.lock/bin/pip install --quiet --requirement requirements/torch.txt
	.venv.lock/bin/pip install --quiet --constraint requirements/torch.txt --editable '.[dev]'
	.venv.lock/bin/pip freeze --exclude-editable | sed 's/+[a-z0-9.]*$$//' > requirements/constraints.txt
	rm -rf .venv.lock
	$(MAKE) lock-images

lock-images: ## write what each image installs, with hashes, by requirements/constraints.txt
	rm -rf .venv.lock && $(PYTHON) -m venv .venv.lock
	.venv.lock/bin/pip install --quiet uv==0.13.9
	$(call hashed,beneath_torch,requirements/torch.txt)
	$(call hashed,planner,pyproject.toml --extra planner)
	$(call hashed,researcher,pyproject.toml --extra researcher)
	$(call hashed,executor,pyproject.toml --extra executor)
	$(call hashed,evaluator,pyproject.toml --extra evaluator --extra scorer)
	$(call hashed,demo,pyproject.toml --extra demo)
	rm -rf .venv.lock

clean: ## remove what the other targets made
	rm -rf .venv .venv-vllm .venv-lm-eval build .trex .mypy_cache .ruff_cache .pytest_cache .hypothesis
