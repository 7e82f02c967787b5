# `make` alone says what there is. Every target sets up what it needs; a second call installs nothing.

PYTHON ?= python3
VENV := .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
NAMES ?=
ELSEWHERE = $(if $(JOBS),--jobs $(JOBS)) $(if $(SCHEDULER),--scheduler $(SCHEDULER))

.DEFAULT_GOAL := help
.PHONY: help lab test test-all test-browser lowest lowest-tests notebooks pages syntheses networks diagnosis benchmark site clean

help:
	@echo "make lab        set up, and open the course in JupyterLab"
	@echo "make test       lint, types, unit tests, every notebook executed and compared; without network or home folder"
	@echo "make test-all   what executes notebooks again: two builds compared, student copies run, figures in print, nbgrader"
	@echo "make test-browser  student copies and explorers in JupyterLab and Chromium (sudo apt install chromium fonts-dejavu-core)"
	@echo "make lowest     unit tests on the lowest versions that pyproject.toml allows (PYTHON=python3.11), in .venv-lowest"
	@echo "make notebooks  execute notebooks/src into notebooks (NAMES=\"07_tv_denoising ...\" for some)"
	@echo "make pages      the tables of README.md and notebooks/README.md, from the lessons and their cards"
	@echo "make syntheses  remake data/syntheses and data/transfers, precomputed (an hour)"
	@echo "make networks   train again the networks that the course ships (NAMES=\"...\"; without names, the list)"
	@echo "                both: JOBS=2 for two at the same time, SCHEDULER=ADDRESS for a Dask cluster"
	@echo "make diagnosis  the table of wrong answers: which are caught, and with the right cause"
	@echo "make benchmark  times against scikit-image, deepinv, scikit-learn, plenoptic (NAMES=\"tv faces ...\" for some)"
	@echo "make site       the course as static pages, in site/ (ADDRESS=https://github.com/OWNER/NAME for Binder and Colab)"
	@echo "make clean      remove the virtual environments"
	@echo "On Linux without a GPU: make lab TORCH_INDEX=<the CPU index address that PyTorch's selector gives>"

# A run that was killed leaves an environment without pip, or packages that pip takes for installed: both are mended.
$(VENV)/venv.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "Python 3.11 to 3.13 is needed; $(PYTHON) is `$(PYTHON) --version 2>&1`. Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(BIN)/python -m pip --version > /dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV) || { echo "On Debian and Ubuntu: sudo apt install python3-venv"; rm -rf $(VENV); exit 1; }
	@touch $@

HALF = import pathlib, shutil, sysconfig; folder = pathlib.Path(sysconfig.get_path("purelib")); \
  [shutil.rmtree(info) for info in folder.glob("*.dist-info") if not (info / "RECORD").exists()]
INSTALL = $(BIN)/python -c '$(HALF)' && $(BIN)/python -m pip install --quiet

$(VENV)/torch.stamp: | $(VENV)/venv.stamp
	$(if $(TORCH_INDEX),$(INSTALL) --index-url $(TORCH_INDEX) torch torchvision)
	@touch $@

$(VENV)/lab.stamp: pyproject.toml $(VENV)/torch.stamp
	$(INSTALL) --editable ".[student]"
	@$(BIN)/jupyter labextension disable --level=sys_prefix @jupyter/nbgrader > /dev/null 2>&1
	@$(BIN)/jupyter server extension disable --sys-prefix nbgrader > /dev/null 2>&1
	@touch $@

$(VENV)/test.stamp: pyproject.toml $(VENV)/torch.stamp
	$(INSTALL) --editable ".[test]"
	@touch $@

$(VENV)/browser.stamp: pyproject.toml $(VENV)/torch.stamp
	$(INSTALL) --editable ".[browser]"
	@touch $@

$(VENV)/benchmark.stamp: pyproject.toml $(VENV)/torch.stamp
	$(INSTALL) --editable ".[benchmark]"
	@touch $@

$(VENV)/site.stamp: pyproject.toml $(VENV)/torch.stamp
	$(BIN)/python -m pip install --quiet --editable ".[site]"
	@touch $@

# pip cannot choose the lowest versions: uv does, in the environment that it is installed into.
$(VENV)/lowest.stamp: pyproject.toml | $(VENV)/venv.stamp
	$(INSTALL) uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --resolution lowest-direct --editable ".[test]"
	@touch $@

lab: $(VENV)/lab.stamp
	$(BIN)/course student --out lab
	$(BIN)/python -m jupyterlab lab

test: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2

test-all: $(VENV)/test.stamp
	$(BIN)/python -m pytest -n 2 -m slow

test-browser: $(VENV)/browser.stamp
	$(BIN)/python -m pytest -m browser tests/browser

lowest:
	$(MAKE) VENV=$(VENV)-lowest lowest-tests

lowest-tests: $(VENV)/lowest.stamp
	$(BIN)/python -m pytest -W ignore::DeprecationWarning \
	  -W ignore::beartype.roar.BeartypeDecorHintPep585DeprecationWarning tests

notebooks: $(VENV)/test.stamp
	$(BIN)/course build $(NAMES)

pages: $(VENV)/test.stamp
	$(BIN)/course pages

syntheses: $(VENV)/test.stamp
	$(BIN)/python data/remake_syntheses.py $(ELSEWHERE)
	$(BIN)/python data/remake_transfers.py $(ELSEWHERE)
	$(BIN)/python data/remake_mixtures.py $(ELSEWHERE)

networks: $(VENV)/test.stamp
	$(BIN)/python data/train $(NAMES) $(ELSEWHERE)

diagnosis: $(VENV)/test.stamp
	@$(BIN)/python -m tests.diagnosis

benchmark: $(VENV)/benchmark.stamp
	$(BIN)/python -m tests.benchmarks $(NAMES)

site: $(VENV)/site.stamp
	$(BIN)/course site $(if $(ADDRESS),--address $(ADDRESS))

clean:
	rm -rf $(VENV) $(VENV)-lowest
