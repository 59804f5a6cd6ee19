# What always holds here:
# - Every target works on a clean clone: it installs and builds what it needs first.
# - `make test` is the proof and `make demo` the show; both fail when anything they ran failed.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup setup-bench build build-tests lint test unit integration demo bench fuzz crash \
	noise damage memory soak python-protocol bench-scaling bench-cell bench-effort hostile plugin-reference \
	install-kit clean

PYTHON := .build/venv/bin/python
JOBS ?= 2
SWIFT_BUILD := swift build -c release -j $(JOBS)
SEED ?= 0
FOLDER ?= Examples
BENCH ?=

help:  ## Lists the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */  make \1\t/' | expand -t 26

setup:  ## Installs Debian and Python packages (apt as root or with sudo; .build/venv)
	@Tools/setup.sh

setup-bench:
	@Tools/setup.sh --bench

build: setup  ## Builds gamd, gamctl and the plugins (release)
	$(SWIFT_BUILD)

build-tests: setup
	$(SWIFT_BUILD) --build-tests

lint: setup  ## Checks the format of every Swift file
	swift format lint --strict --recursive Package.swift Sources Plugins Tests

unit: build-tests  ## Runs the Swift tests
	swift test -c release -j $(JOBS) --skip-build

integration: build-tests  ## Runs the Python tests against the real daemon
	$(PYTHON) -m pytest

test: build-tests lint unit  ## Proves everything: Swift tests, lint, the real daemon from Python
	@$(PYTHON) -m pytest

demo: build  ## Puts four signals, reads them back in three ways, prints one table
	@$(PYTHON) Examples/demo.py

bench: setup-bench build  ## Beside JPEG XL, WebP, FLAC, fpzip ...: FOLDER=... BENCH="--rounds 1"
	$(PYTHON) Benchmarks/compare.py $(FOLDER) $(BENCH)

bench-scaling: setup-bench build  ## Time and memory against size: FOLDER=...
	$(PYTHON) Benchmarks/scaling.py $(FOLDER) $(BENCH)

bench-cell: setup-bench build  ## Regions, thumbnail, samples beside TensorStore, TileDB: FOLDER=...
	$(PYTHON) Benchmarks/cell.py $(FOLDER) $(BENCH)

bench-effort: setup-bench build  ## What each refit effort costs and gains: FOLDER=...
	$(PYTHON) Benchmarks/effort.py $(FOLDER) $(BENCH)

fuzz: build  ## Long campaign of damaged files and frames: SEED=...
	$(PYTHON) Tests/campaigns/fuzz.py --rounds 2000 --seed $(SEED)

noise: build  ## 20,000 files with bit noise of 0.01 % to 1 %: SEED=... (for the night)
	$(PYTHON) Tests/campaigns/fuzz.py --bits --rounds 20000 --seed $(SEED)

crash: build  ## 200 times kill -9 under four writers, checked by an oracle outside the daemon
	$(PYTHON) Tests/campaigns/crash.py --kills 200 --seed $(SEED)

damage: build  ## 10,000 flipped bits, 500 truncations and swaps in stored records: SEED=...
	$(PYTHON) Tests/campaigns/damage.py --seed $(SEED)

hostile: build  ## Every harmful plugin 20 times, and what other clients notice of it
	$(PYTHON) Tests/campaigns/hostile.py --times 20

memory: build  ## A 200-megapixel picture with the daemon's peak memory under 1 GiB
	$(PYTHON) Tests/campaigns/memory.py --megapixels 200

soak: crash damage fuzz hostile memory  ## All long campaigns, one after the other

python-protocol: setup  ## Writes the Python messages anew from gam.proto
	protoc -ISources/GAMProtocol --python_out=Python/src/gamd --pyi_out=Python/src/gamd \
		Sources/GAMProtocol/gam.proto

plugin-reference:  ## Writes docs/plugin-reference.md anew from the header
	python3 Tools/plugin_reference.py > docs/plugin-reference.md

PREFIX ?= /usr/local
KIT := $(DESTDIR)$(PREFIX)/share/gamd/plugin-kit

install-kit:  ## Installs the kit for plugin authors: header, pkg-config, Swift package: PREFIX=...
	install -d $(DESTDIR)$(PREFIX)/include/gamd $(DESTDIR)$(PREFIX)/lib/pkgconfig $(KIT)/Sources
	install -m 644 Sources/CGAMPlugin/include/*.h $(DESTDIR)$(PREFIX)/include/gamd/
	sed 's#@PREFIX@#$(PREFIX)#' PluginKit/gam-plugin.pc.in \
		> $(DESTDIR)$(PREFIX)/lib/pkgconfig/gam-plugin.pc
	install -m 644 PluginKit/Package.swift $(KIT)/
	cp -rL PluginKit/Sources/CGAMPlugin PluginKit/Sources/GAMPluginKit $(KIT)/Sources/

clean:  ## Removes everything that was built or installed into this folder
	rm -rf .build
