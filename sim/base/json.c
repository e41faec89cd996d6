/* SPDX-License-Identifier: GPL-3.0-or-later */
/* json.c - JSON and JSON Lines into a tree. jansson judges the text and decodes the strings; a
 * cursor then walks the valid text in step with jansson's values (objects keep their order), so
 * that every value knows its line and column and numbers keep the digits they were written
 * with. Depth and number of values are checked before jansson allocates anything. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/node_build.h"
#include "sim/base/text.h"

struct json_reader {
    struct node_builder build;
    size_t at; /* byte offset of the cursor */
    int line, col;
};

/* ---- before parsing: depth and size ---- */

/* Behind the string that starts at i; n when it does not end. */
static size_t skip_string(const char *text, size_t n, size_t i)
{
    for (i++; i < n && text[i] != '"'; i++) {
        i += text[i] == '\\' ? 1 : 0;
    }
    return i < n ? i + 1 : n;
}

static bool check_limits(struct node_builder *b)
{
    int depth = 0, n_values = 0, line, col;
    for (size_t i = 0; i < b->n_text; i++) {
        char c = b->text[i];
        if (c == '"') {
            i = skip_string(b->text, b->n_text, i) - 1;
            continue;
        }
        depth += c == '[' || c == '{' ? 1 : c == ']' || c == '}' ? -1 : 0;
        n_values += c == ',' || c == '[' || c == '{' ? 1 : 0;
        if (depth > NODE_MAX_DEPTH || n_values > 2 * NODE_MAX_COUNT) {
            text_locate(b->text, i, &line, &col);
            return depth > NODE_MAX_DEPTH
                       ? node_build_fail(b, line, col, "nested deeper than %d levels",
                                         NODE_MAX_DEPTH)
                       : node_build_fail(b, line, col, "more than %d values in one file",
                                         NODE_MAX_COUNT);
        }
    }
    return true;
}

/* ---- the cursor over valid text ---- */

static char peek(const struct json_reader *r)
{
    ASSERT(r->at < r->build.n_text);
    return r->build.text[r->at];
}

static void step(struct json_reader *r)
{
    unsigned char c = (unsigned char)peek(r);
    r->at++;
    if (c == '\n') {
        r->line++;
        r->col = 1;
    } else if ((c & 0xc0) != 0x80) {
        r->col++;
    }
}

static void step_to(struct json_reader *r, size_t end)
{
    while (r->at < end) {
        step(r);
    }
}

static void skip_space(struct json_reader *r)
{
    while (r->at < r->build.n_text && strchr(" \t\r\n", peek(r))) {
        step(r);
    }
}

/* Skips blanks and the one character that valid JSON must have here. */
static void expect_char(struct json_reader *r, char c)
{
    skip_space(r);
    ASSERT(peek(r) == c);
    step(r);
}

static size_t token_end(const struct json_reader *r)
{
    const char *text = r->build.text;
    size_t n = r->build.n_text;
    if (text[r->at] == '"') {
        return skip_string(text, n, r->at);
    }
    size_t i = r->at;
    while (i < n && !strchr(" \t\r\n,]}", text[i])) {
        i++;
    }
    return i;
}

/* ---- jansson's value and the text, side by side ---- */

static struct node *take_value(struct json_reader *r, json_t *value);

static struct node *take_array(struct json_reader *r, struct node *list, json_t *value)
{
    struct node *last = NULL;
    size_t i;
    json_t *item;
    expect_char(r, '[');
    json_array_foreach(value, i, item)
    {
        if (i > 0) {
            expect_char(r, ',');
        }
        struct node *child = take_value(r, item);
        if (!child) {
            return NULL;
        }
        node_build_append(list, &last, child);
    }
    expect_char(r, ']');
    return list;
}

static struct node *take_object(struct json_reader *r, struct node *map, json_t *value)
{
    struct node *last = NULL;
    const char *key;
    json_t *item;
    expect_char(r, '{');
    json_object_foreach(value, key, item)
    {
        if (last) {
            expect_char(r, ',');
        }
        skip_space(r);
        struct src_pos key_pos = {r->build.file, r->line + r->build.line_offset, r->col};
        step_to(r, token_end(r));
        expect_char(r, ':');
        struct node *child = take_value(r, item);
        if (!child) {
            return NULL;
        }
        child->key = arena_strdup(r->build.arena, key);
        child->key_pos = key_pos;
        node_build_append(map, &last, child);
    }
    expect_char(r, '}');
    return map;
}

static enum node_kind kind_of(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return NODE_MAP;
    case JSON_ARRAY:
        return NODE_LIST;
    case JSON_NULL:
        return NODE_NULL;
    default:
        return NODE_SCALAR;
    }
}

static struct node *take_value(struct json_reader *r, json_t *value)
{
    skip_space(r);
    struct node *node = node_build_new(&r->build, kind_of(value), r->line, r->col);
    if (!node) {
        return NULL;
    }
    if (node->kind == NODE_MAP) {
        return take_object(r, node, value);
    }
    if (node->kind == NODE_LIST) {
        return take_array(r, node, value);
    }
    size_t from = r->at;
    step_to(r, token_end(r));
    node->quoted = json_is_string(value);
    if (node->quoted) {
        node->text = arena_strdup(r->build.arena, json_string_value(value));
    } else if (node->kind == NODE_SCALAR) {
        node->text = arena_strndup(r->build.arena, r->build.text + from, r->at - from);
    }
    return node;
}

/* jansson reports the end of the token it stumbled over; the reader's eye wants its start. */
static size_t error_offset(const struct node_builder *b, const json_error_t *error)
{
    const char *near = strstr(error->text, " near '");
    size_t at = error->position > 0 ? (size_t)error->position : 0;
    at = at < b->n_text ? at : b->n_text;
    if (near) {
        const char *token = near + strlen(" near '");
        const char *end = strrchr(token, '\'');
        size_t n = end ? (size_t)(end - token) : 0;
        if (n > 0 && n <= at && memcmp(b->text + at - n, token, n) == 0) {
            return at - n;
        }
    }
    return at > 0 ? at - 1 : 0;
}

static void fail_syntax(struct node_builder *b, const json_error_t *error)
{
    int line, col;
    text_locate(b->text, error_offset(b, error), &line, &col);
    node_build_fail(b, line, col, "%s", error->text);
}

static bool is_blank_text(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!strchr(" \t\r\n", text[i])) {
            return false;
        }
    }
    return true;
}

/* text has been checked to be UTF-8 without NUL. */
static struct node *parse_checked(struct node_builder *build)
{
    json_error_t error;
    if (!check_limits(build)) {
        return NULL;
    }
    json_t *value = json_loadb(build->text, build->n_text,
                               JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!value) {
        fail_syntax(build, &error);
        return NULL;
    }
    struct json_reader r = {.build = *build, .line = 1, .col = 1};
    struct node *root = take_value(&r, value);
    json_decref(value);
    return root;
}

struct node *json_parse(struct arena *arena, const char *name, const char *text, size_t n,
                        struct err *err)
{
    size_t bom_bytes = text_bom_bytes(text, n);
    struct node_builder build = {.arena = arena,
                                 .file = arena_strdup(arena, name),
                                 .text = text + bom_bytes,
                                 .n_text = n - bom_bytes,
                                 .err = err};
    if (!text_check(build.file, build.text, build.n_text, 1, err)) {
        return NULL;
    }
    if (is_blank_text(build.text, build.n_text)) {
        err_set(err, ERR_INPUT, "%s is empty", name);
        return NULL;
    }
    return parse_checked(&build);
}

struct node *json_load(struct arena *arena, const char *path, struct err *err)
{
    size_t n;
    char *text = text_load(path, NODE_FILE_MAX_BYTES, &n, err);
    if (!text) {
        return NULL;
    }
    struct node *root = json_parse(arena, path, text, n, err);
    free(text);
    return root;
}

/* ---- JSON Lines ---- */

static bool read_record(struct text_lines *lines, struct node_builder *build, json_line_fn fn,
                        void *ctx)
{
    int64_t line = text_lines_number(lines);
    build->line_offset = line - 1 > INT32_MAX / 2 ? INT32_MAX / 2 : (int)(line - 1);
    build->n_nodes = 0;
    const struct node *value = parse_checked(build);
    return value && fn(ctx, value, line, build->err);
}

bool json_lines_read(const char *path, json_line_fn fn, void *ctx, struct err *err)
{
    struct text_lines *lines = text_lines_open(path, err);
    if (!lines) {
        return false;
    }
    struct arena *arena = arena_new();
    struct node_builder build = {.arena = arena, .file = path, .err = err};
    bool failed = false, ok = true;
    while (ok && text_lines_next(lines, &build.text, &build.n_text, &failed, err)) {
        if (!is_blank_text(build.text, build.n_text)) {
            ok = read_record(lines, &build, fn, ctx);
            arena_reset(arena);
        }
    }
    arena_free(arena);
    text_lines_close(lines);
    return ok && !failed;
}
