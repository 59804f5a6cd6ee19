# What always holds here:
# - Every target works on a clean clone: it installs and builds what it needs first.
# - `make test` is the proof and `make demo` the show; both fail when anything they ran failed.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup setup-bench setup-reading setup-package build build-tests lint test unit integration demo \
	bench bench-scaling bench-cell bench-cells bench-reading bench-effort bench-prior bench-expansion bench-lower \
	bench-superresolution bench-small fuzz noise vdb-noise crash damage hostile memory clients slow-reads disk-full \
	faults backups mixed reads soak install install-kit deb python-protocol plugin-reference clean

export DESTDIR PREFIX SYSCONFDIR UNITDIR
PYTHON := .build/venv/bin/python
JOBS ?= 2
SWIFT_BUILD := swift build -c release -j $(JOBS)
SEED ?= 0
MINUTES ?= 120
FOLDER ?= Examples
BENCH ?=

help:  ## Lists the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */  make \1\t/' | expand -t 26

setup:  ## Installs Debian and Python packages (apt as root or with sudo; .build/venv)
	@Tools/setup.sh

setup-bench:
	@Tools/setup.sh --bench

setup-reading:
	@Tools/setup.sh --reading

setup-package:
	@Tools/setup.sh --package

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

bench-reading: setup-reading build  ## One signal read in all ways, points, a torch loader: FOLDER=...
	$(PYTHON) Benchmarks/reading.py $(FOLDER) $(BENCH)

bench-effort: setup-bench build  ## What each refit effort costs and gains: FOLDER=...
	$(PYTHON) Benchmarks/effort.py $(FOLDER) $(BENCH)

bench-prior: setup-bench build  ## What a prior of one's own gains, half a collection held out: FOLDER=...
	$(PYTHON) Benchmarks/user_prior.py $(FOLDER) $(BENCH)

fuzz: build  ## Long campaign of damaged files and frames: SEED=...
	$(PYTHON) Tests/campaigns/fuzz.py --rounds 2000 --seed $(SEED)

noise: build  ## 20,000 files with bit noise of 0.01 % to 1 %, then bit by bit: SEED=... (for the night)
	$(PYTHON) Tests/campaigns/fuzz.py --bits --rounds 20000 --seed $(SEED)
	$(PYTHON) Tests/campaigns/fuzz.py --bit-by-bit

vdb-noise: build  ## 4,000 damaged VDB files, none of which may be a fault: SEED=...
	$(PYTHON) Tests/campaigns/vdb_noise.py --seed $(SEED)

crash: build  ## 200 times kill -9 under four writers, checked by an oracle outside the daemon
	$(PYTHON) Tests/campaigns/crash.py --kills 200 --seed $(SEED)

damage: build  ## 10,000 flipped bits, 500 truncations and swaps in stored records: SEED=...
	$(PYTHON) Tests/campaigns/damage.py --seed $(SEED)

hostile: build  ## Every harmful plugin 20 times, and what other clients notice of it
	$(PYTHON) Tests/campaigns/hostile.py --times 20

memory: build  ## A 200-megapixel picture with the daemon's peak memory under 1 GiB
	$(PYTHON) Tests/campaigns/memory.py --megapixels 200

clients: build  ## 1,000 resting clients beside 8 busy ones, slow readers, few descriptors
	$(PYTHON) Tests/campaigns/clients.py

slow-reads: build  ## 64 slow readers of 100 megapixels: the daemon's memory within its budget
	$(PYTHON) Tests/campaigns/slow_reads.py

disk-full: build  ## A full disk, tmpfs and ext4 (root): refusals, reads, recovery
	$(PYTHON) Tests/campaigns/disk_full.py

faults: build  ## A failed sync or a crash at every system call of a script, by strace
	$(PYTHON) Tests/campaigns/faults.py --seed $(SEED)

backups: build  ## 20 backups under 8 writers, restored and compared
	$(PYTHON) Tests/campaigns/backups.py

mixed: build  ## Two hours of mixed work: memory, descriptors, space (MINUTES=...)
	$(PYTHON) Tests/campaigns/mixed.py --minutes $(MINUTES) --seed $(SEED)

reads: build  ## 100,000 random reads of five kinds against numpy: SEED=... (for the night)
	$(PYTHON) Tests/campaigns/reads.py --reads 100000 --seed $(SEED)

soak: crash damage fuzz vdb-noise hostile memory clients slow-reads disk-full faults backups mixed reads  ## All campaigns

bench-cells: build  ## Figures of small cells, and means of levels from them: FOLDER=...
	$(PYTHON) Benchmarks/cell_figures.py $(FOLDER)

bench-lower: build  ## Lower bits stored apart, and reads of the upper ones: FOLDER=...
	$(PYTHON) Benchmarks/lower_bits.py $(FOLDER)

bench-expansion: setup-bench build  ## Samples with more bits than are stored, beside other rules: FOLDER=...
	$(PYTHON) Benchmarks/expansion.py $(FOLDER) $(BENCH)

bench-superresolution: setup-bench  ## Levels below 0 beside linear and cubic, samples held back: FOLDER=...
	$(PYTHON) Benchmarks/superresolution.py $(FOLDER) $(BENCH)

bench-small: setup-bench build  ## stat and warm reads beside redis GET
	$(PYTHON) Benchmarks/small_operations.py

install: setup-package build  ## Installs: DESTDIR, PREFIX (/usr/local), SYSCONFDIR (/etc), UNITDIR
	@Tools/install.sh

deb: setup-package build  ## Makes a Debian package in .build/deb, checked by lintian
	@Tools/make_deb.sh

python-protocol: setup  ## Writes the Python messages anew from gam.proto
	protoc -ISources/GAMProtocol --python_out=Python/src/gamd --pyi_out=Python/src/gamd \
		Sources/GAMProtocol/gam.proto

plugin-reference:  ## Writes docs/plugin-reference.md anew from the header
	python3 Tools/plugin_reference.py > docs/plugin-reference.md

install-kit:  ## Installs the kit for plugin authors: header, pkg-config, Swift package: PREFIX=...
	@Tools/install_kit.sh

clean:  ## Removes everything that was built or installed into this folder
	rm -rf .build
