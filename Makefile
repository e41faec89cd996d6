# headroom - build, test, install. `make help` lists the targets.
PREFIX ?= /usr/local
DESTDIR ?=
CONFIG ?= release
SHELL := /bin/bash

VERSION := 0.1.0
COMMIT := $(shell git -C . rev-parse --short=12 HEAD 2>/dev/null || echo archive)

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wvla -Wundef
HARDEN := -fstack-protector-strong -fPIE
CPPFLAGS += -I. -D_GNU_SOURCE
STD := -std=c17 -ffp-contract=off -pthread
LIBS := -lgsl -lgslcblas -lcsv -lyaml -ljansson -lm

# `make WERROR=1` (CI) turns warnings into errors.
ifdef WERROR
WARN += -Werror
endif

OPT_release := -O2 -g -D_FORTIFY_SOURCE=2
OPT_debug := -O0 -g3 -DHEADROOM_DEBUG
OPT_asan := -O1 -g -fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined -DHEADROOM_DEBUG
OPT_tsan := -O1 -g -fsanitize=thread
OPT_cov := -O0 -g --coverage
LINK_release := -pie -Wl,-z,relro,-z,now
CFLAGS ?= $(OPT_$(CONFIG))
B := build/$(CONFIG)

# Everything but main.c goes into one archive that the program and every test link.
SRC := $(sort $(wildcard sim/*/*.c models/*.c hardware/*.c scenarios/*.c plots/*.c))
LIB_SRC := $(filter-out sim/cli/main.c,$(SRC))
LIB_OBJ := $(LIB_SRC:%.c=$(B)/%.o)
TEST_SRC := $(sort $(wildcard tests/test_*.c))
TEST_BIN := $(TEST_SRC:tests/%.c=$(B)/tests/%)
TEST_HELP := $(sort $(filter-out $(TEST_SRC),$(wildcard tests/*.c)))
TEST_HELP_OBJ := $(TEST_HELP:%.c=$(B)/%.o)
DEPS := $(LIB_OBJ:.o=.d) $(B)/sim/cli/main.d $(TEST_BIN:%=%.d) $(TEST_HELP_OBJ:.o=.d)

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all help test clean install uninstall demo deps deps-check check bench charts validate golden

all: headroom ## build the program

headroom: $(B)/headroom
	@cp -f $< $@.tmp && mv -f $@.tmp $@

$(B)/headroom: $(B)/sim/cli/main.o $(B)/libheadroom.a
	$(CC) $(CFLAGS) $(STD) $(LDFLAGS) $(LINK_$(CONFIG)) -o $@ $^ $(LIBS)

$(B)/libheadroom.a: $(LIB_OBJ)
	@rm -f $@
	$(AR) rcsD $@ $^

$(B)/%.o: %.c | need-libs
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(STD) $(WARN) $(HARDEN) $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/sim/cli/%.o: CPPFLAGS += -DHEADROOM_VERSION='"$(VERSION)"' -DHEADROOM_COMMIT='"$(COMMIT)"' -DHEADROOM_PREFIX='"$(PREFIX)"'

$(B)/tests/%: tests/%.c $(TEST_HELP_OBJ) $(B)/libheadroom.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(STD) $(WARN) $(CFLAGS) -MMD -MP -MF $@.d -o $@ $< $(TEST_HELP_OBJ) $(B)/libheadroom.a -lcunit $(LIBS)

# A missing library is named with its Debian package before the first compile fails on it.
.PHONY: need-libs
need-libs:
	@for pair in gsl/gsl_rng.h:libgsl-dev csv.h:libcsv-dev yaml.h:libyaml-dev jansson.h:libjansson-dev; do \
	  echo "#include <$${pair%%:*}>" | $(CC) $(CPPFLAGS) -E -o /dev/null - 2>/dev/null || \
	  { echo "missing <$${pair%%:*}>: install the Debian package $${pair##*:} (or run 'make deps')" >&2; exit 1; }; done

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed 's/:.*## /\t/' | expand -t16

clean: ## remove everything that was built
	rm -rf build headroom

-include $(DEPS)
