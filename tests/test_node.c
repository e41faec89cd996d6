/* SPDX-License-Identifier: GPL-3.0-or-later */
/* YAML, JSON and JSON Lines: the tree, places, what is refused and where, typed access, --set.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/node.h"
#include "tests/check.h"

typedef struct node *(*parse_fn)(struct arena *, const char *, const char *, size_t,
                                 struct err *);

static struct node *yaml(struct arena *arena, const char *text)
{
    struct err err = {0};
    struct node *root = yaml_parse(arena, "t.yaml", text, strlen(text), &err);
    if (!root) {
        err_print(&err, stderr);
    }
    CU_ASSERT_PTR_NOT_NULL_FATAL(root);
    return root;
}

static struct node *json(struct arena *arena, const char *text)
{
    struct err err = {0};
    struct node *root = json_parse(arena, "t.json", text, strlen(text), &err);
    if (!root) {
        err_print(&err, stderr);
    }
    CU_ASSERT_PTR_NOT_NULL_FATAL(root);
    return root;
}

static void check_refused(parse_fn parse, const char *text, size_t n, int line, int col,
                          const char *message)
{
    struct arena *arena = arena_new();
    struct err err = {0};
    CU_ASSERT_PTR_NULL(parse(arena, "t", text, n, &err));
    bool same = err.code == ERR_INPUT && err.line == line && err.col == col &&
                strstr(err.text, message);
    CU_ASSERT_TRUE(same);
    if (!same) {
        fprintf(stderr, "expected %d:%d '%s', got:\n", line, col, message);
        err_print(&err, stderr);
    }
    arena_free(arena);
}

#define YAML_REFUSED(text, line, col, message)                                                 \
    check_refused(yaml_parse, (text), sizeof(text) - 1, (line), (col), (message))
#define JSON_REFUSED(text, line, col, message)                                                 \
    check_refused(json_parse, (text), sizeof(text) - 1, (line), (col), (message))

static void check_place(struct src_pos pos, int line, int col)
{
    CU_ASSERT_EQUAL(pos.line, line);
    CU_ASSERT_EQUAL(pos.col, col);
}

/* ---- YAML ---- */

static void yaml_keeps_scalars_as_text(void)
{
    struct arena *arena = arena_new();
    struct node *root =
        yaml(arena, "a: no\nb: 010\nc: \"x\\ty\"\nd: 'it''s'\ne: 1e3\nf: |\n  two\n  lines\n");
    CU_ASSERT_EQUAL(root->kind, NODE_MAP);
    CU_ASSERT_EQUAL(root->n_children, 6);
    CU_ASSERT_STRING_EQUAL(node_get(root, "a")->text, "no");
    CU_ASSERT_FALSE(node_get(root, "a")->quoted);
    CU_ASSERT_STRING_EQUAL(node_get(root, "b")->text, "010");
    CU_ASSERT_STRING_EQUAL(node_get(root, "c")->text, "x\ty");
    CU_ASSERT_TRUE(node_get(root, "c")->quoted);
    CU_ASSERT_STRING_EQUAL(node_get(root, "d")->text, "it's");
    CU_ASSERT_STRING_EQUAL(node_get(root, "f")->text, "two\nlines\n");
    arena_free(arena);
}

static void yaml_tells_null_from_text(void)
{
    struct arena *arena = arena_new();
    struct node *root = yaml(arena, "a:\nb: ~\nc: null\nd: \"\"\ne: 'null'\n");
    CU_ASSERT_EQUAL(node_get(root, "a")->kind, NODE_NULL);
    CU_ASSERT_EQUAL(node_get(root, "b")->kind, NODE_NULL);
    CU_ASSERT_EQUAL(node_get(root, "c")->kind, NODE_NULL);
    CU_ASSERT_EQUAL(node_get(root, "d")->kind, NODE_SCALAR);
    CU_ASSERT_STRING_EQUAL(node_get(root, "e")->text, "null");
    arena_free(arena);
}

static void yaml_places_are_exact(void)
{
    struct arena *arena = arena_new();
    struct node *root =
        yaml(arena, "# c\n\xc3\xa9t\xc3\xa9: {b: 1, c: [2, 33]}\nd:\n  - e: 4\n    f: 5\n");
    struct node *map = node_get(root, "\xc3\xa9t\xc3\xa9");
    check_place(root->pos, 2, 1);
    check_place(map->key_pos, 2, 1);
    check_place(map->pos, 2, 6);
    check_place(node_get(map, "c")->key_pos, 2, 13);
    check_place(node_get_path(map, "c.1")->pos, 2, 20);
    check_place(node_get_path(root, "d.0.f")->key_pos, 5, 5);
    check_place(node_get_path(root, "d.0.f")->pos, 5, 8);
    CU_ASSERT_STRING_EQUAL(map->pos.file, "t.yaml");
    arena_free(arena);
}

static void yaml_accepts_crlf_and_bom(void)
{
    struct arena *arena = arena_new();
    struct node *root = yaml(arena, "\xef\xbb\xbf"
                                    "a: 1\r\nb:\r\n  - x\r\n");
    CU_ASSERT_STRING_EQUAL(node_get(root, "a")->text, "1");
    check_place(node_get(root, "a")->key_pos, 1, 1);
    CU_ASSERT_STRING_EQUAL(node_get_path(root, "b.0")->text, "x");
    arena_free(arena);
}

static void yaml_accepts_one_marked_document(void)
{
    struct arena *arena = arena_new();
    CU_ASSERT_STRING_EQUAL(node_get(yaml(arena, "%YAML 1.1\n---\na: 1\n...\n"), "a")->text,
                           "1");
    arena_free(arena);
}

static void yaml_refuses_what_surprises(void)
{
    YAML_REFUSED("a: &x 1\n", 1, 4, "anchors");
    YAML_REFUSED("a: 1\nb: *x\n", 2, 4, "aliases");
    YAML_REFUSED("a: !!str 1\n", 1, 4, "tags");
    YAML_REFUSED("a: !t [1]\n", 1, 4, "tags");
    YAML_REFUSED("a: &x {b: 1}\n", 1, 4, "anchors");
    YAML_REFUSED("a: 1\n---\nb: 2\n", 2, 1, "second document");
    YAML_REFUSED("[a]: 1\n", 1, 1, "key must be a single value");
    YAML_REFUSED("? {a: 1}\n: 1\n", 1, 3, "key must be a single value");
    YAML_REFUSED("?\n: 1\n", 1, 2, "key is missing");
    YAML_REFUSED("a: \"x\\0y\"\n", 1, 4, "NUL");
}

static void yaml_refuses_duplicate_keys_at_the_second(void)
{
    YAML_REFUSED("a: 1\nb: 2\na: 3\n", 3, 1, "duplicate key 'a', first given on line 1");
    YAML_REFUSED("x:\n  - {k: 1, k: 2}\n", 2, 12, "duplicate key 'k'");
    YAML_REFUSED("a: 1\n\"a\": 2\n", 2, 1, "duplicate key 'a'");
}

static void duplicate_in_a_large_map_is_the_first_in_file_order(void)
{
    char text[4096] = "";
    size_t n = 0;
    for (int i = 0; i < 100; i++) {
        n += (size_t)snprintf(text + n, sizeof text - n, "k%d: 1\n", 99 - i);
    }
    n += (size_t)snprintf(text + n, sizeof text - n, "k70: 1\nk3: 1\n");
    check_refused(yaml_parse, text, n, 101, 1, "duplicate key 'k70', first given on line 30");
}

static void yaml_syntax_errors_have_their_place(void)
{
    YAML_REFUSED("a: 1\nb: [1, 2\nc: 3\n", 3, 2, "did not find expected ',' or ']'");
    YAML_REFUSED("a: 1\nb: \"open\n", 3, 1, "unexpected end of stream");
    YAML_REFUSED("a:\n\tb: 1\n", 2, 1, "tab");
    YAML_REFUSED("\xc3\xa9\xc3\xa9: 1\na:\n\tb: 1\n", 3, 1, "tab");
    YAML_REFUSED("a: 1\n b: 2\n", 2, 3, "mapping values are not allowed");
    YAML_REFUSED("a: \x01\n", 1, 4, "control characters");
}

static void error_is_quoted_from_memory(void)
{
    struct arena *arena = arena_new();
    struct err err = {0};
    const char *text = "a: 1\nb: *x\n";
    CU_ASSERT_PTR_NULL(yaml_parse(arena, "--set", text, strlen(text), &err));
    CU_ASSERT_STRING_EQUAL(err.quote, "b: *x");
    CU_ASSERT_EQUAL(err.caret, 4);
    arena_free(arena);
}

static void empty_files_are_errors(void)
{
    YAML_REFUSED("", 0, 0, "is empty");
    YAML_REFUSED("# only a comment\n", 0, 0, "is empty");
    YAML_REFUSED("\xef\xbb\xbf", 0, 0, "is empty");
    JSON_REFUSED("", 0, 0, "is empty");
    JSON_REFUSED(" \r\n\t", 0, 0, "is empty");
}

static void bad_bytes_have_their_place(void)
{
    YAML_REFUSED("a: 1\n\xc3\xa9: \xff\n", 2, 4, "0xff is not valid UTF-8");
    YAML_REFUSED("a: 1\0\n", 1, 5, "NUL");
    YAML_REFUSED("a: \xc0\x80\n", 1, 4, "0xc0");
    YAML_REFUSED("a: \xe2\x82", 1, 4, "0xe2");
    YAML_REFUSED("\xff\xfe"
                 "a\0",
                 0, 0, "UTF-16");
    JSON_REFUSED("{\"a\":\n \"\xff\"}", 2, 3, "0xff is not valid UTF-8");
    JSON_REFUSED("{\"a\": \"x\0\"}", 1, 9, "NUL");
}

static void depth_is_limited(void)
{
    char text[300];
    memset(text, '[', 150);
    memset(text + 150, ']', 150);
    check_refused(yaml_parse, text, 300, 1, 65, "deeper than 64");
    check_refused(json_parse, text, 300, 1, 65, "deeper than 64");
    struct arena *arena = arena_new();
    struct err err = {0};
    CU_ASSERT_PTR_NOT_NULL(yaml_parse(arena, "t", text + 86, 128, &err));
    CU_ASSERT_PTR_NOT_NULL(json_parse(arena, "t", text + 86, 128, &err));
    arena_free(arena);
}

static void number_of_values_is_limited(void)
{
    size_t n = 2 * 1000001 + 1;
    char *text = malloc(n);
    text[0] = '[';
    for (size_t i = 1; i < n; i += 2) {
        text[i] = '0';
        text[i + 1] = ',';
    }
    text[n - 1] = ']';
    struct arena *arena = arena_new();
    struct err err = {0}, yaml_err = {0};
    CU_ASSERT_PTR_NULL(json_parse(arena, "t", text, n, &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "more than 1000000 values"));
    CU_ASSERT_PTR_NULL(yaml_parse(arena, "t", text, n, &yaml_err));
    CU_ASSERT_PTR_NOT_NULL(strstr(yaml_err.text, "more than 1000000 values"));
    arena_free(arena);
    free(text);
}

/* ---- JSON ---- */

static void json_builds_the_same_tree(void)
{
    struct arena *arena = arena_new();
    struct node *root =
        json(arena, "{\"s\": \"a\\n\\u00e9\", \"n\": 12345678901234567,\n"
                    " \"r\": 1.50e+3, \"t\": true, \"z\": null, \"l\": [1, {}, []]}\n");
    CU_ASSERT_EQUAL(root->kind, NODE_MAP);
    CU_ASSERT_EQUAL(root->n_children, 6);
    CU_ASSERT_STRING_EQUAL(node_get(root, "s")->text, "a\n\xc3\xa9");
    CU_ASSERT_TRUE(node_get(root, "s")->quoted);
    CU_ASSERT_STRING_EQUAL(node_get(root, "n")->text, "12345678901234567");
    CU_ASSERT_FALSE(node_get(root, "n")->quoted);
    CU_ASSERT_STRING_EQUAL(node_get(root, "r")->text, "1.50e+3");
    CU_ASSERT_STRING_EQUAL(node_get(root, "t")->text, "true");
    CU_ASSERT_EQUAL(node_get(root, "z")->kind, NODE_NULL);
    CU_ASSERT_EQUAL(node_get(root, "l")->n_children, 3);
    CU_ASSERT_EQUAL(node_get_path(root, "l.1")->kind, NODE_MAP);
    CU_ASSERT_EQUAL(node_get_path(root, "l.2")->kind, NODE_LIST);
    arena_free(arena);
}

static void json_places_are_exact(void)
{
    struct arena *arena = arena_new();
    struct node *root = json(
        arena,
        "\xef\xbb\xbf{\r\n  \"\xc3\xa9\\\"]\": [1, -2.5 ,\"x,]\"],\r\n\t\"b\" :{\"c\":false}}");
    struct node *list = node_get(root, "\xc3\xa9\"]");
    CU_ASSERT_PTR_NOT_NULL_FATAL(list);
    check_place(root->pos, 1, 1);
    check_place(list->key_pos, 2, 3);
    check_place(list->pos, 2, 11);
    check_place(list->child->next->pos, 2, 15);
    CU_ASSERT_STRING_EQUAL(list->child->next->text, "-2.5");
    check_place(list->child->next->next->pos, 2, 21);
    check_place(node_get(root, "b")->key_pos, 3, 2);
    check_place(node_get_path(root, "b.c")->pos, 3, 12);
    arena_free(arena);
}

static void json_keeps_the_order_of_many_keys(void)
{
    struct arena *arena = arena_new();
    char text[16384] = "{";
    size_t n = 1;
    for (int i = 0; i < 500; i++) {
        n += (size_t)snprintf(text + n, sizeof text - n, "%s\"k%d\": %d", i ? ",\n" : "",
                              i * 7919 % 500, i);
    }
    snprintf(text + n, sizeof text - n, "}");
    int i = 0;
    for (struct node *child = json(arena, text)->child; child; child = child->next, i++) {
        char key[16], value[16];
        snprintf(key, sizeof key, "k%d", i * 7919 % 500);
        snprintf(value, sizeof value, "%d", i);
        CU_ASSERT_STRING_EQUAL(child->key, key);
        CU_ASSERT_STRING_EQUAL(child->text, value);
        CU_ASSERT_EQUAL(child->key_pos.line, i + 1);
    }
    CU_ASSERT_EQUAL(i, 500);
    arena_free(arena);
}

static void json_errors_point_at_the_token(void)
{
    JSON_REFUSED("{\"a\": 1,}", 1, 9, "expected near '}'");
    JSON_REFUSED("{\"a\": 1,\n \"b\" 2}", 2, 6, "':' expected near '2'");
    JSON_REFUSED("{\"a\": tru}", 1, 7, "invalid token near 'tru'");
    JSON_REFUSED("{\"a\": 1, \"a\": 2}", 1, 10, "duplicate object key near '\"a\"'");
    JSON_REFUSED("[1, 2", 1, 5, "']' expected near end of file");
    JSON_REFUSED("[1] x", 1, 5, "end of file expected near 'x'");
    JSON_REFUSED("[NaN]", 1, 2, "invalid token");
    JSON_REFUSED("[99999999999999999999]", 1, 2, "too big integer");
    JSON_REFUSED("[1e999]", 1, 2, "real number overflow");
    JSON_REFUSED("[\"\\u0000\"]", 1, 2, "\\u0000 is not allowed");
    JSON_REFUSED("[\"a\nb\"]", 1, 2, "unexpected newline");
    JSON_REFUSED("[\"open", 1, 2, "premature end of input");
}

static void json_accepts_a_lone_value(void)
{
    struct arena *arena = arena_new();
    CU_ASSERT_STRING_EQUAL(json(arena, " 7 ")->text, "7");
    CU_ASSERT_STRING_EQUAL(json(arena, "\"x\"")->text, "x");
    arena_free(arena);
}

/* ---- JSON Lines ---- */

static void write_file(const char *path, const char *text)
{
    FILE *out = fopen(path, "wb");
    fwrite(text, 1, strlen(text), out);
    fclose(out);
}

struct seen {
    int n;
    int64_t sum, lines;
    int stop_after;
};

static bool add_record(void *ctx, const struct node *value, int64_t line, struct err *err)
{
    struct seen *seen = ctx;
    int64_t x;
    if (!node_int(node_get(value, "x"), 0, 1000000, &x, err)) {
        return false;
    }
    seen->sum += x;
    seen->lines += line;
    return ++seen->n != seen->stop_after;
}

static void json_lines_come_one_by_one(void)
{
    const char *path = check_tmp(0, ".jsonl");
    struct seen seen = {0}, some = {.stop_after = 1};
    struct err err = {0};
    write_file(path, "\xef\xbb\xbf{\"x\": 1}\r\n\n  \n{\"x\": 2}\n{\"x\": 3}");
    CU_ASSERT_TRUE(json_lines_read(path, add_record, &seen, &err));
    CU_ASSERT_EQUAL(seen.n, 3);
    CU_ASSERT_EQUAL(seen.sum, 6);
    CU_ASSERT_EQUAL(seen.lines, 1 + 4 + 5);
    CU_ASSERT_FALSE(json_lines_read(path, add_record, &some, &err));
    CU_ASSERT_EQUAL(some.n, 1);
    CU_ASSERT_EQUAL(err.code, ERR_NONE);
    remove(path);
}

static void check_lines_refused(const char *text, int line, int col, const char *message)
{
    const char *path = check_tmp(0, ".jsonl");
    struct seen seen = {0};
    struct err err = {0};
    write_file(path, text);
    CU_ASSERT_FALSE(json_lines_read(path, add_record, &seen, &err));
    CU_ASSERT_EQUAL(err.line, line);
    CU_ASSERT_EQUAL(err.col, col);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, message));
    CU_ASSERT_TRUE(strlen(err.quote) > 0);
    remove(path);
}

static void json_lines_errors_have_line_and_column(void)
{
    check_lines_refused("{\"x\": 1}\n{\"x\": }\n", 2, 7, "unexpected token near '}'");
    check_lines_refused("{\"x\": 1}\n\n{\"x\": -3}\n", 3, 7, "x must be a whole number");
    check_lines_refused("{\"x\": 1}\n{\"x\": 1", 2, 7, "'}' expected near end of file");
    check_lines_refused("{\"x\": 1}\n{\"x\": \"\xff\"}\n", 2, 8, "0xff");
}

static void json_lines_memory_is_bounded(void)
{
    const char *path = check_tmp(0, ".jsonl");
    FILE *out = fopen(path, "wb");
    for (int i = 0; i < 20000; i++) {
        fprintf(out, "{\"x\": %d, \"list\": [1, 2, 3, \"four\"]}\n", i);
    }
    fclose(out);
    struct seen seen = {0};
    struct err err = {0};
    CU_ASSERT_TRUE(json_lines_read(path, add_record, &seen, &err));
    CU_ASSERT_EQUAL(seen.sum, 19999LL * 20000 / 2);
    remove(path);
}

/* ---- files ---- */

static void files_are_read_and_io_errors_told(void)
{
    struct arena *arena = arena_new();
    const char *path = check_tmp(0, ".yaml");
    struct err err = {0}, missing = {0}, directory = {0};
    write_file(path, "a: 1\n");
    CU_ASSERT_STRING_EQUAL(node_get(yaml_load(arena, path, &err), "a")->text, "1");
    CU_ASSERT_PTR_NULL(yaml_load(arena, "build/not-there.yaml", &missing));
    CU_ASSERT_EQUAL(missing.code, ERR_IO);
    CU_ASSERT_PTR_NULL(json_load(arena, "build", &directory));
    CU_ASSERT_EQUAL(directory.code, ERR_IO);
    remove(path);
    arena_free(arena);
}

static void file_over_the_limit_is_refused(void)
{
    struct arena *arena = arena_new();
    const char *path = check_tmp(0, ".json");
    struct err err = {0};
    FILE *out = fopen(path, "wb");
    fseek(out, 100L << 20, SEEK_SET);
    fputc('x', out);
    fclose(out);
    CU_ASSERT_PTR_NULL(json_load(arena, path, &err));
    CU_ASSERT_EQUAL(err.code, ERR_INPUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "larger than 64 MiB"));
    remove(path);
    arena_free(arena);
}

/* Every prefix, and random bytes over a good text: a tree or an error with a text, nothing
 * else. */
static void mutate(parse_fn parse, const char *good)
{
    size_t n = strlen(good);
    unsigned state = 7;
    for (size_t i = 0; i < n + 4000; i++) {
        struct arena *arena = arena_new();
        struct err err = {0};
        char *text = malloc(n + 1);
        memcpy(text, good, n);
        for (int j = 0; i >= n && j < 3; j++) {
            static const char pool[] = "{}[]\"'\\,:-?#&*!|>%@ \t\n\r0e.\xff\xc3\xa9\xef";
            state = state * 1664525u + 1013904223u;
            text[(state >> 8) % n] = pool[(state >> 20) % (sizeof pool)];
        }
        struct node *root = parse(arena, "t", text, i < n ? i : n, &err);
        CU_ASSERT_EQUAL(root != NULL, err.code == ERR_NONE);
        CU_ASSERT_EQUAL(root == NULL, err.text[0] != '\0');
        free(text);
        arena_free(arena);
    }
}

static void mutated_texts_never_crash(void)
{
    mutate(yaml_parse, "a: {b: [1, 'x', \"y\\n\"]}\nlist:\n  - k: v # c\n    l: |\n      "
                       "text\n  - {}\n? q\n: 5\n");
    mutate(
        json_parse,
        "{\"a\": [1, -2.5e3, \"x\\u00e9\\\"\", null, true], \"b\": {\"c\": {}, \"d\": []}}\n");
}

/* ---- look-ups and types ---- */

static void lookups_of_what_is_absent_give_null(void)
{
    struct arena *arena = arena_new();
    struct node *root = yaml(arena, "a: {b: [1, 2]}\nab: 3\n");
    CU_ASSERT_PTR_NULL(node_get(NULL, "a"));
    CU_ASSERT_PTR_NULL(node_get(node_get(root, "ab"), "a"));
    CU_ASSERT_PTR_NULL(node_get(root, "b"));
    CU_ASSERT_PTR_NULL(node_get_path(root, "a.b.2"));
    CU_ASSERT_PTR_NULL(node_get_path(root, "a.b.x"));
    CU_ASSERT_PTR_NULL(node_get_path(root, "a..b"));
    CU_ASSERT_PTR_NULL(node_get_path(root, ""));
    CU_ASSERT_STRING_EQUAL(node_get_path(root, "a.b.1")->text, "2");
    arena_free(arena);
}

static void quantities_are_checked_against_their_range(void)
{
    struct arena *arena = arena_new();
    struct node *root = yaml(arena, "ttft: 50 ms\nsize: 8x\nfrac: 5%\nlist: [1]\nnone:\n");
    double value = 0;
    struct err range = {0}, unit = {0}, kind = {0}, none = {0};
    CU_ASSERT_TRUE(node_quantity(node_get(root, "ttft"), UNIT_S, 0, 1, &value, NULL));
    CHECK_NEAR(value, 0.05, 1e-15);
    CU_ASSERT_FALSE(node_quantity(node_get(root, "ttft"), UNIT_S, 0.1, 1, &value, &range));
    CU_ASSERT_STRING_EQUAL(range.text, "ttft must be 100 ms..1 s, got '50 ms'");
    CU_ASSERT_FALSE(node_quantity(node_get(root, "size"), UNIT_BYTES, 0, 1, &value, &unit));
    check_place((struct src_pos){"", unit.line, unit.col}, 2, 7);
    CU_ASSERT_PTR_NOT_NULL(strstr(unit.text, "size: '8x' is not a size"));
    CU_ASSERT_FALSE(node_quantity(node_get(root, "list"), UNIT_S, 0, 1, &value, &kind));
    CU_ASSERT_STRING_EQUAL(kind.text, "list must be a single value, got a list");
    CU_ASSERT_FALSE(node_quantity(node_get(root, "none"), UNIT_S, 0, 1, &value, &none));
    CU_ASSERT_STRING_EQUAL(none.text, "none must be a single value, got nothing");
    arena_free(arena);
}

static void open_ranges_read_well(void)
{
    struct arena *arena = arena_new();
    struct node *node = yaml(arena, "-1");
    double value;
    struct err low = {0}, high = {0};
    CU_ASSERT_FALSE(node_quantity(node, UNIT_COUNT, 0, HUGE_VAL, &value, &low));
    CU_ASSERT_STRING_EQUAL(low.text, "value must be at least 0, got '-1'");
    CU_ASSERT_FALSE(node_quantity(node, UNIT_COUNT, -HUGE_VAL, -2, &value, &high));
    CU_ASSERT_STRING_EQUAL(high.text, "value must be at most -2, got '-1'");
    arena_free(arena);
}

static void check_int(const char *text, bool ok, int64_t expected)
{
    struct node node = {.kind = NODE_SCALAR, .text = text, .key = "n"};
    struct err err = {0};
    int64_t value = -99;
    CU_ASSERT_EQUAL(node_int(&node, INT64_MIN, INT64_MAX, &value, &err), ok);
    CU_ASSERT_EQUAL(value, ok ? expected : -99);
}

static void whole_numbers_keep_64_bits(void)
{
    check_int("9223372036854775807", true, INT64_MAX);
    check_int("-9223372036854775808", true, INT64_MIN);
    check_int("9223372036854775808", false, 0);
    check_int("32k", true, 32000);
    check_int("4Ki", true, 4096);
    check_int("1e6", true, 1000000);
    check_int("2.5k", true, 2500);
    check_int("2.5", false, 0);
    check_int("1e17", false, 0);
    check_int("-", false, 0);
    check_int("", false, 0);
    check_int("7x", false, 0);
    check_int("0x7", false, 0);
    check_int("010", true, 10);
}

static void whole_number_range_is_told(void)
{
    struct node node = {.kind = NODE_SCALAR, .text = "0", .key = "block_tokens"};
    struct err err = {0}, open = {0};
    int64_t value;
    CU_ASSERT_FALSE(node_int(&node, 1, 1024, &value, &err));
    CU_ASSERT_STRING_EQUAL(err.text, "block_tokens must be a whole number 1..1024, got '0'");
    CU_ASSERT_FALSE(node_int(&node, 1, INT64_MAX, &value, &open));
    CU_ASSERT_STRING_EQUAL(open.text,
                           "block_tokens must be a whole number of at least 1, got '0'");
}

static void booleans_have_six_words(void)
{
    static const char *const words[] = {"off", "on", "false", "true", "no", "yes", "OFF", "On"};
    for (int i = 0; i < 8; i++) {
        struct node node = {.kind = NODE_SCALAR, .text = words[i]};
        bool value = i % 2 == 0;
        CU_ASSERT_TRUE(node_bool(&node, &value, NULL));
        CU_ASSERT_EQUAL(value, i % 2 == 1);
    }
    struct node node = {.kind = NODE_SCALAR, .text = "1", .key = "cuda_graphs"};
    struct err err = {0};
    bool value;
    CU_ASSERT_FALSE(node_bool(&node, &value, &err));
    CU_ASSERT_STRING_EQUAL(err.text, "cuda_graphs must be on or off (true or false), got '1'");
}

static void enums_suggest_the_nearest(void)
{
    static const char *const names[] = {"vllm", "sglang", "trtllm"};
    struct node good = {.kind = NODE_SCALAR, .text = "SGLang", .key = "kind"};
    struct node bad = {.kind = NODE_SCALAR, .text = "vlm", .key = "kind"};
    struct err err = {0};
    int value = -1;
    CU_ASSERT_TRUE(node_enum(&good, names, 3, &value, &err));
    CU_ASSERT_EQUAL(value, 1);
    CU_ASSERT_FALSE(node_enum(&bad, names, 3, &value, &err));
    CU_ASSERT_STRING_EQUAL(err.text, "kind must be one of vllm, sglang, trtllm; got 'vlm'");
    CU_ASSERT_STRING_EQUAL(err.hint, "did you mean 'vllm'?");
}

static void long_enum_lists_are_cut(void)
{
    const char *names[200];
    for (int i = 0; i < 200; i++) {
        names[i] = "a-rather-long-name";
    }
    struct node bad = {.kind = NODE_SCALAR, .text = "zzz", .key = "kind"};
    struct err err = {0};
    int value;
    CU_ASSERT_FALSE(node_enum(&bad, names, 200, &value, &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, ", ...; got 'zzz'"));
}

static void unknown_keys_are_found(void)
{
    static const char *const keys[] = {"rate", "process"};
    struct arena *arena = arena_new();
    struct node *root = yaml(arena, "process: poisson\nrat: 3/s\n");
    struct err err = {0}, kind = {0};
    CU_ASSERT_FALSE(node_check_keys(root, keys, 2, &err));
    check_place((struct src_pos){"", err.line, err.col}, 2, 1);
    CU_ASSERT_STRING_EQUAL(err.text, "unknown key 'rat'");
    CU_ASSERT_STRING_EQUAL(err.hint, "did you mean 'rate'?");
    CU_ASSERT_FALSE(node_check_keys(root->child, keys, 2, &kind));
    CU_ASSERT_STRING_EQUAL(kind.text, "process must be a map, got a single value");
    CU_ASSERT_TRUE(node_check_keys(yaml(arena, "rate: 1"), keys, 2, NULL));
    arena_free(arena);
}

/* ---- --set ---- */

static void set_path_replaces_and_creates(void)
{
    struct arena *arena = arena_new();
    struct err err = {0};
    struct node *root =
        yaml(arena, "engine: {kind: vllm}\ndeployments:\n  - {tp: 1}\nempty:\nlast: 1\n");
    CU_ASSERT_TRUE(node_set_path(arena, root, "engine.kind", "sglang", &err));
    CU_ASSERT_TRUE(node_set_path(arena, root, "deployments.0.tp", "[1, 2]", &err));
    CU_ASSERT_TRUE(node_set_path(arena, root, "deployments.1.tp", "4", &err));
    CU_ASSERT_TRUE(node_set_path(arena, root, "empty.a.b", "50 ms", &err));
    CU_ASSERT_TRUE(node_set_path(arena, root, "new.map", "{x: 1}", &err));
    CU_ASSERT_TRUE(node_set_path(arena, root, "last", "", &err));
    CU_ASSERT_STRING_EQUAL(node_get_path(root, "engine.kind")->text, "sglang");
    CU_ASSERT_STRING_EQUAL(node_get_path(root, "deployments.0.tp.1")->text, "2");
    CU_ASSERT_STRING_EQUAL(node_get_path(root, "deployments.1.tp")->text, "4");
    CU_ASSERT_EQUAL(node_get(root, "deployments")->n_children, 2);
    CU_ASSERT_STRING_EQUAL(node_get_path(root, "empty.a.b")->text, "50 ms");
    CU_ASSERT_STRING_EQUAL(node_get_path(root, "new.map.x")->text, "1");
    CU_ASSERT_EQUAL(node_get(root, "last")->kind, NODE_NULL);
    CU_ASSERT_EQUAL(root->n_children, 5);
    CU_ASSERT_STRING_EQUAL(node_get_path(root, "engine.kind")->key, "kind");
    arena_free(arena);
}

static void check_set_refused(const char *path, const char *value, const char *message)
{
    struct arena *arena = arena_new();
    struct err err = {0};
    struct node *root = yaml(arena, "a: 1\nlist: [1, 2]\n");
    CU_ASSERT_FALSE(node_set_path(arena, root, path, value, &err));
    CU_ASSERT_EQUAL(err.code, ERR_INPUT);
    CU_ASSERT_EQUAL(strncmp(err.file, "--set ", 6), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, message));
    arena_free(arena);
}

static void set_path_refuses_bad_paths(void)
{
    check_set_refused("", "1", "empty");
    check_set_refused("a..b", "1", "empty");
    check_set_refused("x..b", "1", "empty");
    check_set_refused("x.", "1", "empty");
    check_set_refused("a.b", "1", "neither map nor list");
    check_set_refused("list.5", "1", "the list has no element '5'; it has 2, counted from 0");
    check_set_refused("list.x", "1", "the list has no element 'x'");
    check_set_refused("list.99999999999999", "1", "the list has no element");
    check_set_refused("a", "[1", "did not find expected");
    check_set_refused("a", "*x", "aliases");
    check_set_refused("a", "\xff", "not valid UTF-8");
}

static void set_value_is_named_in_later_errors(void)
{
    struct arena *arena = arena_new();
    struct err err = {0};
    double value;
    struct node *root = yaml(arena, "a: 1\n");
    CU_ASSERT_TRUE(node_set_path(arena, root, "slo.ttft", "8x", &err));
    CU_ASSERT_FALSE(node_quantity(node_get_path(root, "slo.ttft"), UNIT_S, 0, 1, &value, &err));
    char *text = NULL;
    size_t n;
    FILE *out = open_memstream(&text, &n);
    err_print(&err, out);
    fclose(out);
    CU_ASSERT_EQUAL(strncmp(text, "--set slo.ttft=8x: error: ttft: '8x' is not a duration", 53),
                    0);
    free(text);
    arena_free(arena);
}

int main(void)
{
    static const struct check_case cases[] = {
        {"yaml_keeps_scalars_as_text", yaml_keeps_scalars_as_text},
        {"yaml_tells_null_from_text", yaml_tells_null_from_text},
        {"yaml_places_are_exact", yaml_places_are_exact},
        {"yaml_accepts_crlf_and_bom", yaml_accepts_crlf_and_bom},
        {"yaml_accepts_one_marked_document", yaml_accepts_one_marked_document},
        {"yaml_refuses_what_surprises", yaml_refuses_what_surprises},
        {"yaml_refuses_duplicate_keys_at_the_second",
         yaml_refuses_duplicate_keys_at_the_second},
        {"duplicate_in_a_large_map_is_the_first_in_file_order",
         duplicate_in_a_large_map_is_the_first_in_file_order},
        {"yaml_syntax_errors_have_their_place", yaml_syntax_errors_have_their_place},
        {"error_is_quoted_from_memory", error_is_quoted_from_memory},
        {"empty_files_are_errors", empty_files_are_errors},
        {"bad_bytes_have_their_place", bad_bytes_have_their_place},
        {"depth_is_limited", depth_is_limited},
        {"number_of_values_is_limited", number_of_values_is_limited},
        {"json_builds_the_same_tree", json_builds_the_same_tree},
        {"json_places_are_exact", json_places_are_exact},
        {"json_keeps_the_order_of_many_keys", json_keeps_the_order_of_many_keys},
        {"json_errors_point_at_the_token", json_errors_point_at_the_token},
        {"json_accepts_a_lone_value", json_accepts_a_lone_value},
        {"json_lines_come_one_by_one", json_lines_come_one_by_one},
        {"json_lines_errors_have_line_and_column", json_lines_errors_have_line_and_column},
        {"json_lines_memory_is_bounded", json_lines_memory_is_bounded},
        {"files_are_read_and_io_errors_told", files_are_read_and_io_errors_told},
        {"file_over_the_limit_is_refused", file_over_the_limit_is_refused},
        {"mutated_texts_never_crash", mutated_texts_never_crash},
        {"lookups_of_what_is_absent_give_null", lookups_of_what_is_absent_give_null},
        {"quantities_are_checked_against_their_range",
         quantities_are_checked_against_their_range},
        {"open_ranges_read_well", open_ranges_read_well},
        {"whole_numbers_keep_64_bits", whole_numbers_keep_64_bits},
        {"whole_number_range_is_told", whole_number_range_is_told},
        {"booleans_have_six_words", booleans_have_six_words},
        {"enums_suggest_the_nearest", enums_suggest_the_nearest},
        {"long_enum_lists_are_cut", long_enum_lists_are_cut},
        {"unknown_keys_are_found", unknown_keys_are_found},
        {"set_path_replaces_and_creates", set_path_replaces_and_creates},
        {"set_path_refuses_bad_paths", set_path_refuses_bad_paths},
        {"set_value_is_named_in_later_errors", set_value_is_named_in_later_errors},
    };
    return check_main("node", cases, (int)(sizeof cases / sizeof cases[0]));
}
