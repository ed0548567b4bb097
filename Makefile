# Every target uses .venv. The first call creates it, with uv if it is installed, else with venv and pip; later calls reuse it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SELECT ?= not servers and not catalogue and not simulation and not environment and not torch
PARALLEL ?= -n auto --dist=worksteal
CORES := $(shell getconf _NPROCESSORS_ONLN)
REST := test-catalogue test-simulations test-environments
PURE := attacks checks config core data faults protocols reports run stats test_architecture.py test_check_ids.py test_docs.py test_layout.py
ONE_GATE := tests/plugin/test_collection.py::test_empty_folder
UV := $(shell command -v uv 2>/dev/null)
OLD := import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else f"Python 3.11 or newer is needed, {sys.executable} is {v.major}.{v.minor}; call make PYTHON=...")
INSTALL = $(if $(UV),$(UV) pip install --quiet --python $(BIN)/python,$(BIN)/python -m pip install --quiet --disable-pip-version-check)

.PHONY: install demo serve check test test-quick $(REST) test-servers test-torch fuzz generate cards excerpts bench figures detection build format clean

install: $(VENV)/.dev  ## everything that the other targets need, into .venv

demo: $(VENV)/.core  ## run the six suites against the embedded reference deployment, and write a report
	$(BIN)/aiharness demo

serve: $(VENV)/.core  ## keep the reference deployment running, to try things on
	$(BIN)/aiharness demo --serve

check: $(VENV)/.dev  ## style, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# The tests start hundreds of Python processes: compiled files are kept, and 64-column matrices need no thread pool.
test test-quick $(REST): export PYTHONDONTWRITEBYTECODE =
test test-quick $(REST): export OPENBLAS_NUM_THREADS = 1

test: $(VENV)/.dev  ## all tests, except those of real servers and the rest of long lists of cases, on every core
	$(BIN)/python -m pytest -m "$(SELECT)" $(PARALLEL) $(ARGS)

test-quick: $(VENV)/.dev  ## tests of pure code and one gate run, on every core: under a minute
	$(BIN)/python -m pytest -m "not slow and not browser and not simulation and not catalogue" -n $(CORES) $(addprefix tests/,$(PURE)) $(ONE_GATE) $(ARGS)

test-catalogue: $(VENV)/.dev  ## the cases of long lists that `make test` has only a sample of, on every core
	$(BIN)/python -m pytest -m catalogue $(PARALLEL) $(ARGS)

test-simulations: $(VENV)/.dev  ## error rates over many simulated runs, of which `make test` has only a sample
	$(BIN)/python -m pytest -m simulation $(PARALLEL) $(ARGS)

test-environments: $(VENV)/.dev  ## older versions of pytest, the installed wheel, the recipes under every rule: in environments of their own
	$(BIN)/python -m pytest -m environment $(PARALLEL) $(ARGS)

test-servers: $(VENV)/.dev  ## install, start and judge real servers (each in a cached environment of its own)
	$(BIN)/python -m pytest -m servers tests/servers $(ARGS)

test-torch: $(VENV)/.dev  ## local references of torch and ONNX, quantised twins: torch is installed once, in an environment of its own
	packages=$$($(BIN)/python -m tests.servers.environments torch) && \
	    AIHARNESS_TORCH=1 OMP_NUM_THREADS=1 PYTHONPATH="$$packages" $(BIN)/python -m pytest -m torch tests/io tests/suites tests/attacks tests/robustness $(ARGS)

fuzz: $(VENV)/.dev  ## a million mutated answers for every decoder, a thousand examples for every property
	AIHARNESS_FUZZ=1000000 $(BIN)/python -m pytest -k "test_fuzz or hypothesis" $(ARGS)

generate: $(VENV)/.dev  ## write what is made from the code: the table of faults, the schema of aiharness.toml
	$(BIN)/python -m docs.generate --power

cards: $(VENV)/.dev  ## judge real servers twice each, and write their cards (ARGS="mlserver triton" names rows)
	$(BIN)/python -m tests.servers.cards $(ARGS)
	$(BIN)/python -m docs.generate

excerpts: $(VENV)/.dev  ## run the gates whose reports the documents show, and write the excerpts
	$(BIN)/python -m docs.excerpts

screenshots: $(VENV)/.dev  ## take the pictures of the report that the README and the documents show (ARGS="NAIVE HARDENED": from two saved runs)
	$(BIN)/python -m docs.screenshots $(ARGS)

bench: $(VENV)/.dev  ## the figures that the README quotes
	$(BIN)/python -m benchmarks

figures: $(VENV)/.dev  ## sizes, density and names of the code itself (ARGS="httpx=FOLDER" adds a peer, ARGS=-v the names)
	$(BIN)/python -m benchmarks.figures $(ARGS)

detection: $(VENV)/.dev  ## smoke and integration over every seeded defect and every healthy variant (ARGS="--records FILE" goes on after an interruption)
	$(BIN)/python -m benchmarks.detection $(ARGS)

build: $(VENV)/.dev  ## wheel and sdist in dist/
	$(BIN)/python -m build --outdir dist .

proto: $(BIN)/python  ## generate the gRPC messages again, in a descriptor pool of their own
	$(if $(UV),$(UV) venv --quiet --allow-existing build/proto,$(BIN)/python -m venv build/proto)
	$(if $(UV),$(UV) pip install --quiet --python build/proto/bin/python,build/proto/bin/python -m pip install --quiet) grpcio-tools==1.76.0
	cd harness/protocols/_proto && ../../../build/proto/bin/python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. *.proto
	sed -i 's/_descriptor_pool\.Default()/_descriptor_pool.DescriptorPool()/' harness/protocols/_proto/*_pb2.py

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c '$(OLD)'
	$(if $(UV),$(UV) venv --quiet --allow-existing --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" $(VENV),$(PYTHON) -m venv $(VENV))

$(VENV)/.core: pyproject.toml setup.py constraints.txt | $(BIN)/python
	$(INSTALL) -c constraints.txt -e ".[all]"
	@touch $@

$(VENV)/.dev: pyproject.toml setup.py constraints.txt | $(BIN)/python
	$(INSTALL) -c constraints.txt -e ".[dev]"
	@touch $@ $(VENV)/.core
