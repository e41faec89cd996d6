/* SPDX-License-Identifier: GPL-3.0-or-later */
/* options.h - the command line as tables: one row per option drives parsing (getopt_long), the
 * --help text, the man page and the completion. A command is a name, its arguments and its
 * table. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "sim/base/err.h"
#include "sim/base/mem.h"
#include "sim/base/quantity.h"

struct cli;

struct option_list {
    const char **items; /* as many as the command line has words */
    int n;
};

/* What a command line says. Texts are borrowed from argv. */
struct options {
    struct option_list args, sets, data_dirs;
    const char *out_dir, *as_of; /* NULL: not given */
    const char *bands, *report, *leave_out, *without;
    const char *csv, *explain, *source, *gpu;
    const char *target, *option;
    int64_t n_jobs;                       /* 0: one per CPU */
    int64_t seed, requests, replications; /* -1: not given */
    int64_t shard, n_shards;              /* 1-based; n_shards 0: not given */
    int64_t max_memory_bytes;             /* 0: no limit */
    bool resume;
    bool per_request, no_plots, json, strict, quiet, markdown;
    bool help, version;
};

/* Of --max-memory: the program and its catalogue, with a little to work in. */
enum { LEAST_MEMORY_BYTES = 32 << 20 };

struct option_spec {
    const char *name;     /* long form, without dashes */
    char letter;          /* short form; 0: none */
    const char *arg;      /* "N", "DIR"; NULL: a switch */
    enum unit unit;       /* of a number */
    double min, max;      /* of a number, both included */
    const char *fallback; /* the default as people read it; NULL: none worth a word */
    const char *help;
    bool (*set)(struct options *o, const struct option_spec *spec, const char *arg,
                struct err *err);
    size_t offset; /* of the member that set fills */
};

struct command {
    const char *name;
    const char *args; /* "SCENARIO" */
    int min_args, max_args;
    const char *summary; /* one line, lower case, no full stop */
    const char *details; /* what --help adds; full sentences, lines broken */
    const struct option_spec *options;
    int n_options;
    bool (*run)(struct cli *cli, struct err *err);
};

/* The commands in the order people meet them; NULL behind the last. */
const struct command *command_at(int idx);
/* NULL with ERR_USAGE and the nearest name suggested. */
const struct command *command_find(const char *name, struct err *err);

/* Setters of the tables. */
bool option_switch(struct options *o, const struct option_spec *spec, const char *arg,
                   struct err *err);
bool option_text(struct options *o, const struct option_spec *spec, const char *arg,
                 struct err *err);
bool option_add(struct options *o, const struct option_spec *spec, const char *arg,
                struct err *err);
bool option_number(struct options *o, const struct option_spec *spec, const char *arg,
                   struct err *err);
bool option_shard(struct options *o, const struct option_spec *spec, const char *arg,
                  struct err *err);
bool option_date(struct options *o, const struct option_spec *spec, const char *arg,
                 struct err *err);

/* Reads argv[1..] of a command (argv[0] is its name). Options and arguments may mix; "--" ends
 * options. With --help or --version the number of arguments is not checked. argv is reordered.
 * False with ERR_USAGE. */
bool options_parse(struct arena *arena, const struct command *command, int argc, char **argv,
                   struct options *out, struct err *err);

/* "headroom run [OPTIONS] SCENARIO" */
void command_usage(const struct command *command, FILE *out);
/* The help of one command, and of the program. */
void command_help(const struct command *command, FILE *out);
void program_help(FILE *out);

#endif
