/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz_node.c - the same bytes as YAML, as JSON and as JSON Lines: refused with a reason, or a
 * tree within its limits. */
#include "sim/base/node.h"
#include "sim/base/node_build.h"
#include "tests/fuzz/fuzz.h"

static int count(const struct node *node, int depth)
{
    int n = 1, n_children = 0;
    FUZZ_CHECK(depth <= NODE_MAX_DEPTH + 1);
    FUZZ_CHECK(node->kind != NODE_SCALAR || node->text != NULL);
    for (const struct node *c = node->child; c; c = c->next) {
        n += count(c, depth + 1);
        n_children++;
    }
    FUZZ_CHECK(n_children == node->n_children);
    return n;
}

static void check(const struct node *root, const struct err *err)
{
    if (root) {
        FUZZ_CHECK(count(root, 0) <= NODE_MAX_COUNT);
    } else {
        fuzz_check_refused(err);
    }
}

static bool take_line(void *ctx, const struct node *value, int64_t line, struct err *err)
{
    (void)err;
    int64_t *last = ctx;
    FUZZ_CHECK(line > *last);
    *last = line;
    count(value, 0);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena *arena = arena_new();
    struct err yaml = {0}, json = {0}, lines = {0};
    const char *text = n > 0 ? (const char *)data : "";
    check(yaml_parse(arena, "fuzz.yaml", text, n, &yaml), &yaml);
    check(json_parse(arena, "fuzz.json", text, n, &json), &json);
    int64_t last = 0;
    if (!json_lines_read(fuzz_file(text, n), take_line, &last, &lines)) {
        fuzz_check_refused(&lines);
    }
    arena_free(arena);
    return 0;
}
