/* SPDX-License-Identifier: GPL-3.0-or-later */
/* field.h - a section of the scenario file as a table: one row per key with its place in the
 * struct, unit, range and default. Reading, unknown keys, defaults, range checks and the
 * printed resolved scenario all follow from the tables. Private to scenarios/. */
#ifndef FIELD_H
#define FIELD_H

#include <stddef.h>

#include "scenarios/scenario.h"
#include "sim/base/node.h"
#include "sim/base/quantity.h"

enum field_type {
    FIELD_NUM,    /* double: quantity of `unit` */
    FIELD_INT,    /* int64_t: whole quantity of `unit` */
    FIELD_SWITCH, /* int: 0, 1 */
    FIELD_ENUM,   /* int: index in names */
    FIELD_STR,    /* const char * */
    FIELD_PATH,   /* const char *: resolved against the scenario's directory */
    FIELD_NUMS,   /* struct num_list; a scalar is a list of one in every list type */
    FIELD_INTS,   /* struct int_list */
    FIELD_ENUMS,  /* struct int_list of indexes in names */
    FIELD_DTYPES, /* struct int_list of enum dtype */
    FIELD_STRS,   /* struct str_list */
    FIELD_SUB,    /* a nested section */
    FIELD_DIST,   /* struct dist: a nested section of its own kind */
};

/* The words "auto", "none" and "catalogue" mean auto when they are the default or may_auto is
 * set; a value that is "none" is not printed. */
struct field {
    const char *key;
    enum field_type type;
    size_t offset;
    const char *dflt;      /* as one would write it; NULL: the key is required */
    const char *zero_word; /* FIELD_INT, FIELD_NUM: this word means 0 */
    enum unit unit;
    double min, max;          /* inclusive */
    const char *const *names; /* FIELD_ENUM, FIELD_ENUMS */
    int n_names;
    bool may_auto;
    bool repeats;  /* FIELD_NUMS: one value for each place, equal ones among them */
    unsigned only; /* 0, or bits of the selector's values with which the key has a meaning */
    const struct section *sub;
};

struct section {
    const char *name;
    const struct field *fields;
    int n_fields;
    bool selector; /* the first field is an enum that decides which others apply */
};

enum { FIELD_MAX_PER_SECTION = 48, FIELD_MAX_LIST = 1000 };

/* State of reading one scenario. */
struct reader {
    struct arena *arena;
    struct scenario *sc;
    struct err *err;
    char path[256]; /* of the section being read */
    size_t path_len;
    int depth;
    bool item; /* the next value opens a list item */
    int cap_values;
    int cap_warnings;
};

extern const struct section section_model, section_class, section_engine, section_deployment,
    section_moe, section_autoscale, section_sweep, section_simulation, section_demand,
    section_reliability, section_economics, section_managed, section_policy, section_top;

/* Reads map (NULL: all defaults) into the struct at out. where: for a missing required key. */
bool section_read(struct reader *r, const struct section *section, const struct node *map,
                  struct src_pos where, void *out);
/* The tokens of a length: a number or a map {dist: ...}. */
bool dist_read(struct reader *r, const char *key, const struct node *node, struct src_pos where,
               struct dist *out);

/* Path bookkeeping. push enters a key and records its line; push_item enters element idx of a
 * list. Both return what reader_pop needs to leave again. */
struct reader_mark {
    size_t path_len;
    int depth;
};
struct reader_mark reader_push(struct reader *r, const char *key, const struct node *node);
struct reader_mark reader_push_item(struct reader *r, int idx);
void reader_pop(struct reader *r, struct reader_mark mark);
void reader_record(struct reader *r, const char *key, const char *text,
                   const struct node *node);
void reader_warn(struct reader *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const char *reader_path(const struct reader *r, const char *path); /* resolved, in the arena */

/* text as a YAML scalar: quoted when it must be. */
const char *yaml_text(struct arena *arena, const char *text);
/* Place of a recorded value in a file, or `otherwise` when it is a default. */
struct src_pos value_pos(const struct scenario *sc, const char *path, struct src_pos otherwise);
/* Cross-field checks and derived values; run after everything is read. */
bool scenario_check(struct reader *r);

#endif
