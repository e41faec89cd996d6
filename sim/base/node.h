/* SPDX-License-Identifier: GPL-3.0-or-later */
/* node.h - the tree that YAML and JSON files are read into: scalars as text (typed by whoever
 * asks), lists and maps, each value with its place in the file. Aliases, anchors, tags,
 * multiple documents and duplicate keys are errors. Depth is limited to 64, nodes to 1,000,000,
 * files to 64 MiB. Nodes live in the arena given to the reader. */
#ifndef NODE_H
#define NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/base/err.h"
#include "sim/base/mem.h"
#include "sim/base/quantity.h"

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAP, NODE_NULL };

struct node {
    enum node_kind kind;
    struct src_pos pos; /* of the value */
    const char *text;   /* NODE_SCALAR: the text as written, unquoted */
    bool quoted;        /* NODE_SCALAR: was in quotes (JSON: was a string) */
    const char *key;    /* when the parent is a map */
    struct src_pos key_pos;
    struct node *child; /* NODE_LIST, NODE_MAP: first child, file order */
    struct node *next;  /* next sibling */
    int n_children;
};

/* Reads a file. NULL and a filled err on failure; an empty file is an error. Accepts CRLF and a
 * UTF-8 BOM, refuses invalid UTF-8 and NUL bytes with line and column. */
struct node *yaml_load(struct arena *arena, const char *path, struct err *err);
struct node *json_load(struct arena *arena, const char *path, struct err *err);
/* The same from memory; name stands for the file in messages (copied into the arena). */
struct node *yaml_parse(struct arena *arena, const char *name, const char *text, size_t n,
                        struct err *err);
struct node *json_parse(struct arena *arena, const char *name, const char *text, size_t n,
                        struct err *err);
/* JSON Lines: calls fn for each line (blank ones skipped) with a tree that is gone after the
 * call; stops when fn returns false (and returns false then). Memory stays bounded however long
 * the file is. */
typedef bool (*json_line_fn)(void *ctx, const struct node *value, int64_t line,
                             struct err *err);
bool json_lines_read(const char *path, json_line_fn fn, void *ctx, struct err *err);

/* Look-ups. node_get: NULL when absent or map is NULL or not a map. Dotted paths:
 * "engine.kind". */
struct node *node_get(const struct node *map, const char *key);
struct node *node_get_path(const struct node *map, const char *dotted);
/* Sets a dotted path to a value parsed from YAML flow text ("replicas=2", "[a, b]"), creating
 * maps on the way; list elements by index ("deployments.0.tp"). Positions name "--set". */
bool node_set_path(struct arena *arena, struct node *root, const char *dotted,
                   const char *value, struct err *err);

/* Typed access; absent (NULL) nodes are the caller's affair: pass a node that exists. Each
 * fails with an error at the node's place that names the key and the allowed range. */
bool node_quantity(const struct node *node, enum unit unit, double min, double max,
                   double *value, struct err *err);
bool node_int(const struct node *node, int64_t min, int64_t max, int64_t *value,
              struct err *err);
bool node_bool(const struct node *node, bool *value,
               struct err *err); /* on off true false yes no */
bool node_string(const struct node *node, const char **value, struct err *err);
/* Index of the scalar in names (case ignored), or an error with the nearest name suggested. */
bool node_enum(const struct node *node, const char *const *names, int n, int *value,
               struct err *err);
/* Every key of the map must be among keys; else an error at the key with the nearest suggested.
 */
bool node_check_keys(const struct node *map, const char *const *keys, int n, struct err *err);
bool node_expect(const struct node *node, enum node_kind kind, struct err *err);

#endif
