/* SPDX-License-Identifier: GPL-3.0-or-later */
/* node.c - building, searching and typed reading of the tree of node.h. Maps are lists searched
 * from the front: input files have few keys per map, and file order is what error messages
 * need. */
#include "sim/base/node.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sim/base/node_build.h"

#define FEW_KEYS 16
#define LIST_TEXT_BYTES 256
/* Above this a double no longer holds every whole number. */
#define EXACT_INT_MAX 9007199254740992.0

bool node_build_fail(struct node_builder *b, int line, int col, const char *fmt, ...)
{
    if (!b->err || b->err->code != ERR_NONE) {
        return false;
    }
    char text[sizeof b->err->text];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    /* line 0: the quote comes from memory, not from a file that may not exist */
    err_at(b->err, (struct src_pos){b->file, 0, 0}, "%s", text);
    b->err->line = line + b->line_offset;
    b->err->col = col;
    const char *from = b->text;
    const char *end = b->text + b->n_text;
    for (int i = 1; i < line && from; i++) {
        const char *lf = memchr(from, '\n', (size_t)(end - from));
        from = lf ? lf + 1 : NULL;
    }
    if (from) {
        err_quote(b->err, from, (size_t)(end - from));
    }
    return false;
}

struct node *node_build_new(struct node_builder *b, enum node_kind kind, int line, int col)
{
    if (++b->n_nodes > NODE_MAX_COUNT) {
        node_build_fail(b, line, col, "more than %d values in one file", NODE_MAX_COUNT);
        return NULL;
    }
    struct node *node = arena_alloc(b->arena, 1, sizeof *node);
    node->kind = kind;
    node->pos = (struct src_pos){b->file, line + b->line_offset, col};
    return node;
}

void node_build_append(struct node *parent, struct node **last, struct node *child)
{
    if (*last) {
        (*last)->next = child;
    } else {
        parent->child = child;
    }
    *last = child;
    parent->n_children++;
}

static int compare_places(struct src_pos a, struct src_pos b)
{
    int by_line = (a.line > b.line) - (a.line < b.line);
    return by_line ? by_line : (a.col > b.col) - (a.col < b.col);
}

static int compare_keys(const void *a, const void *b)
{
    const struct node *left = *(const struct node *const *)a;
    const struct node *right = *(const struct node *const *)b;
    int by_key = strcmp(left->key, right->key);
    return by_key ? by_key : compare_places(left->key_pos, right->key_pos);
}

/* The first key in file order that was there before; sorting keeps large maps fast. */
static const struct node *find_duplicate_sorted(const struct node *map)
{
    const struct node **sorted = xmalloc((size_t)map->n_children * sizeof(const struct node *));
    const struct node *found = NULL;
    int n = 0;
    for (const struct node *child = map->child; child; child = child->next) {
        sorted[n++] = child;
    }
    qsort(sorted, (size_t)n, sizeof(const struct node *), compare_keys);
    for (int i = 1; i < n; i++) {
        bool same = strcmp(sorted[i]->key, sorted[i - 1]->key) == 0;
        if (same && (!found || compare_places(sorted[i]->key_pos, found->key_pos) < 0)) {
            found = sorted[i];
        }
    }
    free(sorted);
    return found;
}

static const struct node *find_duplicate(const struct node *map)
{
    if (map->n_children > FEW_KEYS) {
        return find_duplicate_sorted(map);
    }
    for (const struct node *child = map->child; child; child = child->next) {
        for (const struct node *before = map->child; before != child; before = before->next) {
            if (strcmp(before->key, child->key) == 0) {
                return child;
            }
        }
    }
    return NULL;
}

bool node_build_check_duplicates(struct node_builder *b, const struct node *map)
{
    const struct node *twice = find_duplicate(map);
    if (!twice) {
        return true;
    }
    int first_line = node_get(map, twice->key)->key_pos.line;
    return node_build_fail(b, twice->key_pos.line - b->line_offset, twice->key_pos.col,
                           "duplicate key '%s', first given on line %d", twice->key,
                           first_line);
}

/* ---- look-ups ---- */

static struct node *get_n(const struct node *map, const char *key, size_t n)
{
    if (!map || map->kind != NODE_MAP) {
        return NULL;
    }
    for (struct node *child = map->child; child; child = child->next) {
        if (strncmp(child->key, key, n) == 0 && child->key[n] == '\0') {
            return child;
        }
    }
    return NULL;
}

struct node *node_get(const struct node *map, const char *key)
{
    return get_n(map, key, strlen(key));
}

/* Index of a list element from n bytes, -1 when they are not a small whole number. */
static int list_index(const char *text, size_t n)
{
    int idx = 0;
    if (n == 0 || n > 7) {
        return -1;
    }
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return -1;
        }
        idx = idx * 10 + (text[i] - '0');
    }
    return idx;
}

/* The child that one segment of a dotted path names. */
static struct node *get_segment(const struct node *node, const char *segment, size_t n)
{
    if (!node || node->kind != NODE_LIST) {
        return get_n(node, segment, n);
    }
    int idx = list_index(segment, n);
    struct node *child = idx < 0 ? NULL : node->child;
    for (int i = 0; i < idx && child; i++) {
        child = child->next;
    }
    return child;
}

struct node *node_get_path(const struct node *map, const char *dotted)
{
    const struct node *node = map;
    for (;;) {
        size_t n = strcspn(dotted, ".");
        struct node *child = get_segment(node, dotted, n);
        if (!child || dotted[n] == '\0') {
            return child;
        }
        node = child;
        dotted += n + 1;
    }
}

/* ---- setting a path ---- */

static void set_positions(struct node *node, struct src_pos pos)
{
    node->pos = pos;
    for (struct node *child = node->child; child; child = child->next) {
        child->key_pos = pos;
        set_positions(child, pos);
    }
}

static bool is_blank_text(const char *text)
{
    return text[strspn(text, " \t")] == '\0';
}

/* The value's tree; every place in it is "--set path=value", as there is no file to point into.
 */
static struct node *parse_value(struct arena *arena, struct src_pos pos, const char *value,
                                struct err *err)
{
    struct node *node;
    struct err inner = {0};
    if (is_blank_text(value)) {
        node = arena_alloc(arena, 1, sizeof *node);
        node->kind = NODE_NULL;
    } else {
        node = yaml_parse(arena, pos.file, value, strlen(value), &inner);
    }
    if (!node) {
        err_at(err, pos, "%s", inner.text);
        return NULL;
    }
    set_positions(node, pos);
    return node;
}

static void add_child(struct node *parent, struct node *child)
{
    struct node *last = parent->child;
    while (last && last->next) {
        last = last->next;
    }
    node_build_append(parent, &last, child);
}

/* A new empty child for one segment: a map entry, or the element behind a list's last one. */
static struct node *add_segment(struct arena *arena, struct node *parent, const char *segment,
                                size_t n, struct src_pos pos, struct err *err)
{
    if (parent->kind == NODE_NULL) {
        parent->kind = NODE_MAP;
    }
    bool is_list = parent->kind == NODE_LIST;
    if (is_list && list_index(segment, n) != parent->n_children) {
        err_at(err, pos, "the list has no element '%.*s'; it has %d, counted from 0", (int)n,
               segment, parent->n_children);
        return NULL;
    }
    if (!is_list && parent->kind != NODE_MAP) {
        err_at(err, pos, "'%.*s' cannot be set in a value that is neither map nor list", (int)n,
               segment);
        return NULL;
    }
    struct node *child = arena_alloc(arena, 1, sizeof *child);
    child->kind = NODE_NULL;
    child->pos = pos;
    child->key_pos = pos;
    child->key = is_list ? NULL : arena_strndup(arena, segment, n);
    add_child(parent, child);
    return child;
}

/* Gives place the content of value, keeping its key and its place in the list. */
static void replace_content(struct node *place, const struct node *value, struct src_pos pos)
{
    struct node content = *value;
    content.key = place->key;
    content.key_pos = pos;
    content.next = place->next;
    *place = content;
}

bool node_set_path(struct arena *arena, struct node *root, const char *dotted,
                   const char *value, struct err *err)
{
    struct src_pos pos = {arena_printf(arena, "--set %s=%s", dotted, value), 0, 0};
    struct node *content = parse_value(arena, pos, value, err);
    if (!content) {
        return false;
    }
    int depth = 0;
    for (struct node *node = root;; depth++) {
        size_t n = strcspn(dotted, ".");
        if (n == 0 || depth >= NODE_MAX_DEPTH) {
            return err_at(err, pos, "the path before '=' has an empty or too deep part");
        }
        struct node *child = get_segment(node, dotted, n);
        child = child ? child : add_segment(arena, node, dotted, n, pos, err);
        if (!child) {
            return false;
        }
        if (dotted[n] == '\0') {
            replace_content(child, content, pos);
            return true;
        }
        node = child;
        dotted += n + 1;
    }
}

/* ---- typed access ---- */

static const char *label(const struct node *node)
{
    return node->key ? node->key : "value";
}

static const char *kind_name(enum node_kind kind)
{
    switch (kind) {
    case NODE_SCALAR:
        return "a single value";
    case NODE_LIST:
        return "a list";
    case NODE_MAP:
        return "a map";
    case NODE_NULL:
        break;
    }
    return "nothing";
}

bool node_expect(const struct node *node, enum node_kind kind, struct err *err)
{
    return node->kind == kind || err_at(err, node->pos, "%s must be %s, got %s", label(node),
                                        kind_name(kind), kind_name(node->kind));
}

/* "1..8", "at least 1", "at most 8"; false when there is no limit. */
static bool range_text(char *buf, size_t n, double min, double max, enum unit unit)
{
    char low[48], high[48];
    quantity_format(low, sizeof low, min, unit);
    quantity_format(high, sizeof high, max, unit);
    bool below = max<HUGE_VAL, above = min> - HUGE_VAL;
    if (below && above) {
        snprintf(buf, n, "%s..%s", low, high);
    } else if (below || above) {
        snprintf(buf, n, "%s %s", above ? "at least" : "at most", above ? low : high);
    }
    return below || above;
}

bool node_quantity(const struct node *node, enum unit unit, double min, double max,
                   double *value, struct err *err)
{
    char why[256], range[128];
    double number;
    if (!node_expect(node, NODE_SCALAR, err)) {
        return false;
    }
    if (!quantity_parse(node->text, unit, &number, why, sizeof why)) {
        return err_at(err, node->pos, "%s: %s", label(node), why);
    }
    if (number < min || number > max) {
        range_text(range, sizeof range, min, max, unit);
        return err_at(err, node->pos, "%s must be %s, got '%.40s'", label(node), range,
                      node->text);
    }
    *value = number;
    return true;
}

/* Digits alone keep all 64 bits; anything else goes through the quantities ("32k", "1e6"). */
static bool parse_int(const char *text, int64_t *value)
{
    int64_t sum = 0;
    bool negative = *text == '-';
    const char *s = negative ? text + 1 : text;
    bool plain = *s != '\0';
    for (; *s >= '0' && *s <= '9'; s++) {
        int digit = *s - '0';
        if (__builtin_mul_overflow(sum, 10, &sum) ||
            __builtin_add_overflow(sum, negative ? -digit : digit, &sum)) {
            return false;
        }
    }
    if (plain && *s == '\0') {
        *value = sum;
        return true;
    }
    double number;
    if (!quantity_parse(text, UNIT_TOKENS, &number, NULL, 0) || number != floor(number) ||
        fabs(number) > EXACT_INT_MAX) {
        return false;
    }
    *value = (int64_t)number;
    return true;
}

bool node_int(const struct node *node, int64_t min, int64_t max, int64_t *value,
              struct err *err)
{
    int64_t number;
    if (!node_expect(node, NODE_SCALAR, err)) {
        return false;
    }
    if (parse_int(node->text, &number) && number >= min && number <= max) {
        *value = number;
        return true;
    }
    if (max == INT64_MAX) {
        return err_at(err, node->pos, "%s must be a whole number of at least %lld, got '%.40s'",
                      label(node), (long long)min, node->text);
    }
    return err_at(err, node->pos, "%s must be a whole number %lld..%lld, got '%.40s'",
                  label(node), (long long)min, (long long)max, node->text);
}

bool node_bool(const struct node *node, bool *value, struct err *err)
{
    static const char *const words[] = {"off", "on", "false", "true", "no", "yes"};
    if (!node_expect(node, NODE_SCALAR, err)) {
        return false;
    }
    for (int i = 0; i < 6; i++) {
        if (strcasecmp(node->text, words[i]) == 0) {
            *value = i % 2 == 1;
            return true;
        }
    }
    return err_at(err, node->pos, "%s must be on or off (true or false), got '%.40s'",
                  label(node), node->text);
}

bool node_string(const struct node *node, const char **value, struct err *err)
{
    if (!node_expect(node, NODE_SCALAR, err)) {
        return false;
    }
    *value = node->text;
    return true;
}

/* "a, b, c" as far as it fits; then dots. */
static void join_names(char *buf, size_t size, const char *const *names, int n)
{
    size_t used = 0;
    buf[0] = '\0';
    for (int i = 0; i < n; i++) {
        size_t need = strlen(names[i]) + 2;
        if (used + need + 4 >= size) {
            snprintf(buf + used, size - used, ", ...");
            return;
        }
        snprintf(buf + used, size - used, "%s%s", i ? ", " : "", names[i]);
        used += i ? need : need - 2;
    }
}

bool node_enum(const struct node *node, const char *const *names, int n, int *value,
               struct err *err)
{
    char list[LIST_TEXT_BYTES];
    if (!node_expect(node, NODE_SCALAR, err)) {
        return false;
    }
    for (int i = 0; i < n; i++) {
        if (strcasecmp(node->text, names[i]) == 0) {
            *value = i;
            return true;
        }
    }
    join_names(list, sizeof list, names, n);
    err_at(err, node->pos, "%s must be one of %s; got '%.60s'", label(node), list, node->text);
    err_suggest(err, node->text, names, n);
    return false;
}

static bool is_among(const char *word, const char *const *names, int n)
{
    for (int i = 0; i < n; i++) {
        if (strcmp(word, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

bool node_check_keys(const struct node *map, const char *const *keys, int n, struct err *err)
{
    if (!node_expect(map, NODE_MAP, err)) {
        return false;
    }
    for (const struct node *child = map->child; child; child = child->next) {
        if (!is_among(child->key, keys, n)) {
            err_at(err, child->key_pos, "unknown key '%s'", child->key);
            err_suggest(err, child->key, keys, n);
            return false;
        }
    }
    return true;
}
