/* SPDX-License-Identifier: GPL-3.0-or-later */
/* node_build.h - what the YAML and JSON readers share to build a tree. Private to sim/base. */
#ifndef NODE_BUILD_H
#define NODE_BUILD_H

#include "sim/base/node.h"

#define NODE_MAX_DEPTH 64
#define NODE_MAX_COUNT 1000000
#define NODE_FILE_MAX_BYTES ((size_t)64 << 20)

struct node_builder {
    struct arena *arena;
    const char *file; /* in the arena */
    const char *text; /* whole input, for quotes */
    size_t n_text;
    int n_nodes;
    int line_offset; /* added to line numbers: a JSON Lines record is parsed on its own */
    struct err *err;
};

/* Error at a place of the input, quoted from memory. Always false. */
bool node_build_fail(struct node_builder *b, int line, int col, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* NULL when there are too many nodes. */
struct node *node_build_new(struct node_builder *b, enum node_kind kind, int line, int col);
void node_build_append(struct node *parent, struct node **last, struct node *child);
/* Refuses a key that comes twice, at its second place. */
bool node_build_check_duplicates(struct node_builder *b, const struct node *map);

#endif
