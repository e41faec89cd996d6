# headroom - build, test, install. `make help` lists the targets.
# SPDX-License-Identifier: GPL-3.0-or-later
PREFIX ?= /usr/local
DESTDIR ?=
# release | debug | asan | tsan | cov | fuzz | mutant; each has its own folder under build/
CONFIG ?= release
B := build/$(CONFIG)
SHELL := /bin/bash

# All processors, unless the command line says -j.
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc) --no-print-directory
endif

VERSION := 0.1.0
# A source archive has no .git, and a folder above it may have another project's.
COMMIT := $(or $(if $(wildcard .git),$(shell git -c safe.directory='*' rev-parse --short=12 HEAD 2>/dev/null)),archive)

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wvla -Wundef
# `make WERROR=1` turns warnings into errors; the checks do.
ifdef WERROR
WARN += -Werror
endif
HARDEN := -fstack-protector-strong -fPIE
DEFS := -I. -D_GNU_SOURCE
# `make V=1` shows the command lines.
Q := $(if $(V),,@)
say = $(if $(V),,@echo '  $(1)')

STD := -std=c17 -ffp-contract=off -pthread
LIBS := -lgsl -lgslcblas -lcsv -lyaml -ljansson -lm

OPT_release := -O2 -g -D_FORTIFY_SOURCE=2
OPT_debug := -O0 -g3 -DHEADROOM_DEBUG
OPT_asan := -O1 -g -fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined -DHEADROOM_DEBUG
OPT_tsan := -O1 -g -fsanitize=thread
OPT_fuzz := $(OPT_asan) -fsanitize=fuzzer-no-link
OPT_mutant := -O1 -g0 -fPIC
OPT_cov := -O0 -g --coverage -fprofile-update=atomic
LINK_release := -pie -Wl,-z,relro,-z,now
# CFLAGS replaces the release options; the other configurations need theirs in any case.
ifeq ($(CONFIG),release)
CFLAGS ?= $(OPT_release)
else
override CFLAGS += $(OPT_$(CONFIG))
endif

# Everything but main.c goes into one archive that the program and every test link.
SRC := $(sort $(wildcard sim/*/*.c models/*.c hardware/*.c scenarios/*.c plots/*.c))
HDR := $(sort $(wildcard sim/*/*.h models/*.h hardware/*.h scenarios/*.h plots/*.h tests/*.h tests/fuzz/*.h))
LIB_SRC := $(filter-out sim/cli/main.c,$(SRC))
LIB_OBJ := $(LIB_SRC:%.c=$(B)/%.o)
TEST_SRC := $(sort $(wildcard tests/test_*.c))
TEST_BIN := $(TEST_SRC:tests/%.c=$(B)/tests/%)
TEST_HELP := $(sort $(filter-out $(TEST_SRC),$(wildcard tests/*.c)))
TEST_HELP_OBJ := $(TEST_HELP:%.c=$(B)/%.o)
FUZZ_SRC := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ_BIN := $(FUZZ_SRC:%.c=$(B)/%)
BENCH := $(B)/tests/bench/bench
MANUAL := $(B)/headroom.1
COMPLETION := $(B)/headroom.bash
ALL_C := $(SRC) $(TEST_SRC) $(TEST_HELP) $(FUZZ_SRC) tests/bench/bench.c packaging/docs.c
DEPS := $(LIB_OBJ:.o=.d) $(B)/sim/cli/main.d $(TEST_BIN:%=%.d) $(TEST_HELP_OBJ:.o=.d) $(FUZZ_BIN:%=%.d) $(BENCH).d $(B)/packaging/docs.d

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all help build-tests build-fuzz test clean install uninstall demo deps deps-check check bench charts validate golden format fuzz instructions man deb mutation

all: headroom ## build the program

headroom: $(B)/headroom
	@cp -f $< $@.tmp && mv -f $@.tmp $@

$(B)/headroom: $(B)/sim/cli/main.o $(B)/libheadroom.a
	$(call say,LINK $@)
	$(Q)$(CC) $(CFLAGS) $(STD) $(LDFLAGS) $(LINK_$(CONFIG)) -o $@ $^ $(LIBS)

$(B)/libheadroom.a: $(LIB_OBJ)
	$(call say,AR   $@)
	@rm -f $@
	$(Q)$(AR) rcsD $@ $^

$(B)/%.o: %.c $(B)/flags | need-libs
	@mkdir -p $(@D)
	$(call say,CC   $<)
	$(Q)$(CC) $(DEFS) $(CPPFLAGS) $(STD) $(WARN) $(HARDEN) $(CFLAGS) -MMD -MP -c -o $@ $<

IDENTITY := -DHEADROOM_VERSION='"$(VERSION)"' -DHEADROOM_COMMIT='"$(COMMIT)"' -DHEADROOM_PREFIX='"$(PREFIX)"'
$(B)/sim/cli/%.o: DEFS += $(IDENTITY)
$(filter $(B)/sim/cli/%,$(LIB_OBJ)) $(B)/sim/cli/main.o: $(B)/identity

$(B)/tests/%: tests/%.c $(TEST_HELP_OBJ) $(B)/libheadroom.a | need-cunit
	@mkdir -p $(@D)
	$(call say,TEST $<)
	$(Q)$(CC) $(DEFS) $(CPPFLAGS) $(STD) $(WARN) $(CFLAGS) $(LDFLAGS) -MMD -MP -MF $@.d -o $@ $< $(TEST_HELP_OBJ) $(B)/libheadroom.a -lcunit $(LIBS)

# The manual page and the completion are printed from the program's own tables of options.
$(B)/packaging/%.o: DEFS += $(IDENTITY)
$(B)/packaging/docs.o: $(B)/identity
$(B)/packaging/docs: $(B)/packaging/docs.o $(B)/libheadroom.a
	$(call say,LINK $@)
	$(Q)$(CC) $(CFLAGS) $(STD) $(LDFLAGS) $(LINK_$(CONFIG)) -o $@ $^ $(LIBS)
$(MANUAL): $(B)/packaging/docs
	@$< man >$@
$(COMPLETION): $(B)/packaging/docs
	@$< completion >$@

# What the objects were compiled with: a changed compiler, option or PREFIX recompiles them.
.PHONY: force
$(B)/flags: WANT := $(CC) $(DEFS) $(CPPFLAGS) $(STD) $(WARN) $(HARDEN) $(CFLAGS)
$(B)/identity: WANT := $(IDENTITY)
$(B)/flags $(B)/identity: force
	@mkdir -p $(@D)
	@printf '%s\n' $(call quote,$(WANT)) | cmp -s - $@ || printf '%s\n' $(call quote,$(WANT)) >$@
quote = '$(subst ','\'',$(1))'

# What is missing is named with its Debian package before the first compile fails on it.
.PHONY: need-libs need-cunit
need = command -v $(firstword $(CC)) >/dev/null || \
	  { echo "missing compiler '$(CC)': install the Debian packages gcc and libc6-dev (or run 'make deps')" >&2; exit 1; }; \
	for pair in $(1); do \
	  echo "\#include <$${pair%%:*}>" | $(CC) $(DEFS) $(CPPFLAGS) -E -o /dev/null - 2>/dev/null || \
	  { echo "missing <$${pair%%:*}>: install the Debian package $${pair\#\#*:} (or run 'make deps')" >&2; exit 1; }; done
need-libs:
	@$(call need,stdio.h:libc6-dev gsl/gsl_rng.h:libgsl-dev csv.h:libcsv-dev yaml.h:libyaml-dev jansson.h:libjansson-dev)
need-cunit:
	@$(call need,CUnit/CUnit.h:libcunit1-dev)

# ---- packages ------------------------------------------------------------------------------

DEPS_BUILD := gcc libc6-dev make libgsl-dev libcsv-dev libyaml-dev libjansson-dev libcunit1-dev gnuplot-nox fonts-dejavu-core
DEPS_CHECK := clang libclang-rt-14-dev clang-tidy clang-format cppcheck valgrind shellcheck chromium poppler-utils \
	munge slurmctld slurmd slurm-client parallel

deps: ## install the Debian packages that building, running and `make test` need
	@tests/packages.sh $(DEPS_BUILD)

deps-check: ## install the Debian packages that only `make check` needs
	@tests/packages.sh $(DEPS_CHECK)

# ---- use -----------------------------------------------------------------------------------

demo: ## install packages, build, run the first scenario and say where its charts are
	@$(MAKE) deps
	@$(MAKE) all
	./headroom sweep scenarios/quickstart.yaml -o out/quickstart
	@echo; echo "Tables and charts are in out/quickstart:"; find out/quickstart -type f | LC_ALL=C sort | sed 's/^/  /'

charts: all ## redraw the charts of plots/gallery from the first scenario
	./headroom sweep scenarios/quickstart.yaml -o out/quickstart
	@mkdir -p plots/gallery
	cp -f out/quickstart/*.svg plots/gallery/

# The full table of measured results when it lies beside this folder, else the compact one. Only the
# full one rewrites the bands: from a sample they would be wider.
FULL_TABLE := $(wildcard ../shared/data/measured/validation.csv)
VALIDATION_TABLE ?= $(or $(FULL_TABLE),tests/data/validation.csv)
validate: all ## predict measured results; rewrite VALIDATION.md and the bands (VALIDATION_TABLE=file)
	@mkdir -p out/validation plots/gallery
	./headroom validate $(VALIDATION_TABLE) --csv out/validation/rows.csv --report out/validation \
	  $(if $(filter $(FULL_TABLE),$(VALIDATION_TABLE)),--bands hardware)
	@for file in VALIDATION.md README.md; do tests/splice.sh $$file out/validation || exit 1; done
	@for chart in out/validation/*.svg; do [ ! -e "$$chart" ] || cp -f "$$chart" plots/gallery/ || exit 1; done

bench: $(BENCH) ## time the fixed loads of tests/bench
	@tests/bench/run.sh $(BENCH)
$(BENCH): tests/bench/bench.c $(B)/libheadroom.a
	@mkdir -p $(@D)
	$(call say,BENCH $<)
	$(Q)$(CC) $(DEFS) $(CPPFLAGS) $(STD) $(WARN) $(CFLAGS) $(LDFLAGS) -MMD -MP -MF $@.d -o $@ $< $(B)/libheadroom.a $(LIBS)

DATA := $(sort $(wildcard models/*.json hardware/*.csv hardware/*/*.csv scenarios/*.yaml scenarios/data/* plots/*.gp))
SHARE = $(DESTDIR)$(PREFIX)/share
man: $(MANUAL) $(COMPLETION) ## write the manual page and the bash completion
	@ls $^
install: $(B)/headroom $(MANUAL) $(COMPLETION) ## install below PREFIX (default /usr/local); DESTDIR is honoured
	install -D -m 755 $(B)/headroom $(DESTDIR)$(PREFIX)/bin/headroom
	@for f in $(DATA); do install -D -m 644 "$$f" "$(SHARE)/headroom/$$f" || exit 1; done
	install -D -m 755 packaging/headroom.sbatch $(SHARE)/headroom/packaging/headroom.sbatch
	install -D -m 644 $(MANUAL) $(SHARE)/man/man1/headroom.1
	install -D -m 644 $(COMPLETION) $(SHARE)/bash-completion/completions/headroom
	@for f in README.md LICENSE NOTICE; do install -D -m 644 $$f "$(SHARE)/doc/headroom/$$f" || exit 1; done

DEB := build/headroom_$(VERSION)_$(shell dpkg --print-architecture 2>/dev/null).deb
deb: ## build a Debian package in build/
	@rm -rf build/deb-root
	@$(MAKE) -s B=build/install PREFIX=/usr DESTDIR=build/deb-root install >/dev/null
	@packaging/deb.sh build/deb-root $(VERSION) $(DEB)

uninstall: ## remove what install put there
	rm -f $(DESTDIR)$(PREFIX)/bin/headroom $(SHARE)/man/man1/headroom.1 $(SHARE)/bash-completion/completions/headroom
	rm -rf $(SHARE)/headroom $(SHARE)/doc/headroom

# ---- tests ---------------------------------------------------------------------------------

build-tests: $(B)/headroom $(TEST_BIN)

test: ## run every test; the last line sums them up
	@$(MAKE) headroom build-tests
	@tests/run.sh $(B)

golden: all ## rewrite the expected output of the command-line tests; read the diff
	@tests/cli/run.sh --golden ./headroom

# The steps of `make check`, in order; .ci/run takes the same list.
CHECKS := check-levels check-headers check-format check-scripts check-gcc check-clang check-same \
	check-kill check-slurm check-memory check-asan check-tsan check-valgrind check-instructions check-install check-deb check-report check-seeds check-archive check-cppcheck check-tidy check-coverage check-mutation \
	$(if $(FUZZ_SRC),check-fuzz)
.PHONY: list-checks $(CHECKS)
list-checks:
	@echo $(CHECKS)

check: ## test, then every slower check: sanitizers, analysers, style, coverage
	@$(MAKE) test
	@MAKE='$(MAKE)' tests/steps.sh $(CHECKS)

check-levels: ## no include goes up the levels
	@tests/check_levels.sh
check-headers: ## every header compiles alone
	@CC='$(CC)' tests/check_headers.sh $(HDR)
check-format: ## sources are laid out as .clang-format says
	clang-format --dry-run --Werror $(ALL_C) $(HDR)
format: ## lay the sources out as .clang-format says
	clang-format -i $(ALL_C) $(HDR)
check-scripts: ## shellcheck finds nothing
	shellcheck -x .ci/run $(wildcard tests/*.sh tests/bench/*.sh packaging/*.sh packaging/*.sbatch) tests/cli/run.sh
	shellcheck -s bash -e SC2154,SC2069 $(filter-out tests/cli/run.sh,$(wildcard tests/cli/*.sh))
check-gcc: ## gcc builds everything without a warning
	@$(MAKE) CC=gcc WERROR=1 B=build/gcc build-tests
check-clang: ## clang builds everything without a warning
	@$(MAKE) CC=clang WERROR=1 B=build/clang build-tests
check-same: ## gcc, clang, -O0, one thread and two give the same bytes
	@$(MAKE) CC=gcc WERROR=1 B=build/gcc build/gcc/headroom
	@$(MAKE) CC=clang WERROR=1 B=build/clang build/clang/headroom
	@$(MAKE) CONFIG=debug build/debug/headroom
	@tests/check_same.sh build/gcc/headroom build/clang/headroom build/debug/headroom
check-kill: ## a sweep killed at 50 moments goes on to the same bytes
	@$(MAKE) $(B)/headroom
	@tests/check_kill.sh $(B)/headroom
check-slurm: ## a Slurm job array, with a task killed, and GNU parallel give the bytes of one process
	@$(MAKE) $(B)/headroom
	@tests/check_slurm.sh $(B)/headroom
check-memory: ## 10,000 points hold less than 200 MB; --max-memory is obeyed
	@$(MAKE) $(B)/headroom
	@tests/check_memory.sh $(B)/headroom
check-asan: ## every test under the address and undefined-behaviour sanitizers
	@$(MAKE) CONFIG=asan build-tests
	@UBSAN_OPTIONS=print_stacktrace=1 tests/run.sh build/asan
check-tsan: ## a sweep on two threads under the thread sanitizer
	@$(MAKE) CONFIG=tsan build/tsan/headroom build/tsan/tests/test_pool
	@tests/check_tsan.sh build/tsan
# The statistical suites, the fits and the plan compute for seconds and allocate little: under valgrind they
# add minutes, not evidence.
VALGRIND_TESTS ?= $(filter-out test_rng test_dist test_histo test_theory test_output test_experts test_plot test_search test_plan test_capacity test_opfit test_decision test_fleet test_step test_handover,$(TEST_SRC:tests/%.c=%))
check-valgrind: ## no leak and no invalid access in the unit tests, checked on release objects
	@$(MAKE) build-tests
	@RUN_PREFIX='valgrind -q --leak-check=full --errors-for-leak-kinds=definite,indirect --error-exitcode=99' \
	  tests/run.sh $(B) $(VALGRIND_TESTS)
check-instructions: ## instructions per simulated request, at most 5 % above the recorded ones
	@$(MAKE) $(B)/headroom
	@CC='$(CC)' tests/check_instructions.sh $(B)/headroom
instructions: ## record the instructions per simulated request anew; read the diff
	@$(MAKE) $(B)/headroom
	@CC='$(CC)' tests/check_instructions.sh $(B)/headroom --record
check-install: ## install, use from elsewhere, uninstall
	@MAKE='$(MAKE)' tests/check_install.sh
check-deb: ## the Debian package installs, runs and goes away in a directory of its own
	@$(MAKE) deb
	@tests/check_deb.sh $(DEB)
check-report: ## report.html of a plan in headless Chromium: console, requests, sorting, print
	@$(MAKE) $(B)/headroom
	@tests/report_check.sh $(B)/headroom
check-seeds: ## what a plan says of its certainty holds for twenty seeds, and its flips flip
	@$(MAKE) $(B)/headroom
	@tests/check_seeds.sh $(B)/headroom
check-archive: ## a source archive builds and runs without .git
	@MAKE='$(MAKE)' tests/check_archive.sh
# Uninitialised variables are left to the compilers, clang-tidy and valgrind, which follow pointers better.
check-cppcheck: ## cppcheck finds nothing
	cppcheck --quiet -j$(shell nproc) --std=c11 --enable=warning,performance,portability --inline-suppr \
	  --suppress=missingIncludeSystem --suppress=uninitvar --error-exitcode=1 -D__GNUC__ $(DEFS) $(IDENTITY) $(SRC)
check-tidy: ## clang-tidy finds nothing (.clang-tidy has the list)
	@tests/check_tidy.sh $(SRC)
# Lines of sim/ models/ hardware/ scenarios/ plots/ that the tests run, in percent.
COVERAGE_MIN ?= 90
check-coverage: ## line coverage of the product's sources, at least COVERAGE_MIN percent
	@$(MAKE) CONFIG=cov build-tests
	@tests/check_coverage.sh build/cov $(COVERAGE_MIN)

# A sample, the same each time; `make mutation` takes them all (an hour or two).
MUTANTS ?= 150
check-mutation: ## of 150 changed operators and constants, the tests notice at least 80 %
	@$(MAKE) CONFIG=mutant build/mutant/libheadroom.a
	@CC='$(CC)' tests/mutate.sh build/mutant $(MUTANTS)
mutation: ## the same with every operator and constant of sim/core, sim/cost and sim/plan
	@$(MAKE) check-mutation MUTANTS=0

# `make fuzz T=60` gives each parser a minute.
T ?= 60
$(B)/tests/fuzz/%: tests/fuzz/%.c $(B)/libheadroom.a tests/fuzz/fuzz.h
	@mkdir -p $(@D)
	$(call say,FUZZ $<)
	$(Q)clang $(DEFS) $(CPPFLAGS) $(STD) $(WARN) $(CFLAGS) -fsanitize=fuzzer -MMD -MP -MF $@.d -o $@ $< $(B)/libheadroom.a $(LIBS)
build-fuzz: $(FUZZ_BIN)
fuzz: ## fuzz every parser for T seconds (default 60) with clang's libFuzzer
	@$(MAKE) CC=clang CONFIG=fuzz build-fuzz
	@tests/check_fuzz.sh build/fuzz $(T)
check-fuzz: ## a short fuzz of every parser
	@$(MAKE) fuzz T=20

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed 's/:.*## /\t/' | expand -t16

clean: ## remove everything that was built
	rm -rf build headroom

-include $(DEPS)
