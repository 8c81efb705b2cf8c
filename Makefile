# SPDX-License-Identifier: Apache-2.0
# A thin door to Meson: `make`, `make run`, `make test`; `make help` for all.

MESON   ?= meson
NINJA   ?= ninja
PREFIX  ?= /usr/local
SYSCONFDIR ?= /etc
DESTDIR ?=
FUZZ_SECONDS ?= 60
PYTHON  := /usr/bin/python3
SANITIZE := -Db_sanitize=address,undefined -Db_lundef=false
# Three builds share what they have in common, where ccache is installed; the
# seeded faults are compiled without -Werror.
export CCACHE_DIR           ?= $(CURDIR)/build-cache
export CCACHE_NOHASHDIR     := 1
export CCACHE_IGNOREOPTIONS := -Werror

.PHONY: all build run test bench install uninstall clean fuzz lint format help
.PHONY: build-test check tools unit faults e2e

all: build

help:
	@echo "make            build ehlod and ehlo in build/ (-O2 -g)"
	@echo "make run        build, and run a server to try on high ports"
	@echo "make test       all tests (about 10 minutes); also: make check,"
	@echo "                unit, faults, e2e"
	@echo "make bench      measure this machine (bench/run.py --help)"
	@echo "make fuzz       run each fuzz target FUZZ_SECONDS=$(FUZZ_SECONDS)"
	@echo "make lint       cppcheck, clang-tidy, shellcheck"
	@echo "make install    PREFIX=$(PREFIX) SYSCONFDIR=$(SYSCONFDIR) DESTDIR="
	@echo "make clean"

# --- build

build/build.ninja:
	@tools/setup.sh build
	$(MESON) setup build -Dtests=false --prefix=$(PREFIX) \
	    --sysconfdir=$(SYSCONFDIR)

build: build/build.ninja
	$(NINJA) -C build
	@ln -sf src/ehlod/ehlod build/ehlod
	@ln -sf src/ehlo/ehlo build/ehlo

run:
	@tools/run.sh

bench: build
	@tools/setup.sh bench
	$(NINJA) -C build bench/storebench
	@$(PYTHON) bench/run.py $(BENCH)

install: build/build.ninja
	$(MESON) configure build --prefix=$(PREFIX) --sysconfdir=$(SYSCONFDIR)
	$(NINJA) -C build
	DESTDIR="$(DESTDIR)" $(MESON) install -C build --no-rebuild --quiet

# Takes back what `make install` put there; configuration stays.
uninstall:
	$(NINJA) -C build uninstall

clean:
	rm -rf build build-test build-faults build-fuzz build-lint build-cache

# --- tests: each of these stands alone

test:
	@tools/setup.sh test
	@$(MAKE) --no-print-directory check
	@$(MAKE) --no-print-directory tools
	@$(MAKE) --no-print-directory unit
	@$(MAKE) --no-print-directory faults
	@$(MAKE) --no-print-directory e2e
	@echo "all tests passed"

# what can be seen without running anything
check: build
	@$(PYTHON) tools/check-layers.py
	@$(PYTHON) tools/check-pure.py build
	@$(PYTHON) tools/check-style.py

# the checks and the fault runner can fail themselves
tools: build
	@$(PYTHON) -B -m pytest -q -p no:cacheprovider tests/tools

build-test/build.ninja:
	@tools/setup.sh test
	$(MESON) setup build-test $(SANITIZE) --buildtype=debug \
	    -Doptimization=1

build-test: build-test/build.ninja
	$(NINJA) -C build-test

# every unit test, and every kept input of every fuzz target
unit: build-test
	$(MESON) test -C build-test --no-rebuild --print-errorlogs --quiet

# every seeded fault must be caught by the test it names
faults:
	@$(PYTHON) tools/seeded-faults.py

# the whole daemon, under sanitizers, spoken to by real clients
e2e: build-test
	@EHLO_BUILD=$(CURDIR)/build-test $(PYTHON) -B -m pytest -q \
	    -p no:cacheprovider -n 4 --dist loadfile tests/e2e $(E2E)

# --- by hand

fuzz:
	@tools/setup.sh fuzz
	@FUZZ_SECONDS=$(FUZZ_SECONDS) tools/fuzz.sh

lint:
	@tools/setup.sh lint
	@tools/lint.sh

format:
	@tools/setup.sh lint
	clang-format -i $$(git ls-files 'src/*.c' 'src/*.h')
