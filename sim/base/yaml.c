/* SPDX-License-Identifier: GPL-3.0-or-later */
/* yaml.c - YAML into a tree, on libyaml's event parser. Every scalar stays text, so "no" is not
 * false and 010 is not 8 until somebody asks for a type. What makes YAML surprising (anchors,
 * aliases, tags, several documents, keys that are no text) is refused. */
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "sim/base/node_build.h"
#include "sim/base/text.h"

/* An open list or map. */
struct frame {
    struct node *node;
    struct node *last;
    const char *key; /* read, its value not yet */
    struct src_pos key_pos;
};

struct yaml_reader {
    struct node_builder build;
    struct frame stack[NODE_MAX_DEPTH];
    int depth;
    int n_documents;
    struct node *root;
};

static bool fail_at(struct yaml_reader *r, const yaml_mark_t *mark, const char *text)
{
    return node_build_fail(&r->build, (int)mark->line + 1, (int)mark->column + 1, "%s", text);
}

static struct node *new_node(struct yaml_reader *r, enum node_kind kind,
                             const yaml_mark_t *mark)
{
    return node_build_new(&r->build, kind, (int)mark->line + 1, (int)mark->column + 1);
}

/* Puts a finished or just opened value where it belongs. */
static void place(struct yaml_reader *r, struct node *node)
{
    if (r->depth == 0) {
        r->root = node;
        return;
    }
    struct frame *top = &r->stack[r->depth - 1];
    node->key = top->key;
    node->key_pos = top->key_pos;
    top->key = NULL;
    node_build_append(top->node, &top->last, node);
}

static bool wants_key(const struct yaml_reader *r)
{
    const struct frame *top = r->depth > 0 ? &r->stack[r->depth - 1] : NULL;
    return top && top->node->kind == NODE_MAP && !top->key;
}

static bool refuse_extras(struct yaml_reader *r, const yaml_event_t *event, const void *anchor,
                          const void *tag)
{
    if (anchor) {
        return fail_at(r, &event->start_mark, "anchors ('&name') are not supported here");
    }
    if (tag) {
        return fail_at(r, &event->start_mark, "tags ('!name') are not supported here");
    }
    return true;
}

static bool open_frame(struct yaml_reader *r, const yaml_event_t *event, enum node_kind kind)
{
    if (wants_key(r)) {
        return fail_at(r, &event->start_mark, "a key must be a single value");
    }
    if (r->depth == NODE_MAX_DEPTH) {
        return fail_at(r, &event->start_mark, "nested deeper than 64 levels");
    }
    struct node *node = new_node(r, kind, &event->start_mark);
    if (!node) {
        return false;
    }
    place(r, node);
    r->stack[r->depth++] = (struct frame){.node = node};
    return true;
}

static bool close_frame(struct yaml_reader *r)
{
    const struct node *node = r->stack[--r->depth].node;
    return node->kind != NODE_MAP || node_build_check_duplicates(&r->build, node);
}

static bool is_null_text(const char *text)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    for (int i = 0; i < 5; i++) {
        if (strcmp(text, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool take_key(struct yaml_reader *r, const yaml_event_t *event)
{
    struct frame *top = &r->stack[r->depth - 1];
    const char *text = (const char *)event->data.scalar.value;
    if (!*text) {
        return fail_at(r, &event->start_mark, "a key is missing before ':'");
    }
    top->key = arena_strdup(r->build.arena, text);
    top->key_pos = (struct src_pos){r->build.file, (int)event->start_mark.line + 1,
                                    (int)event->start_mark.column + 1};
    return true;
}

static bool take_scalar(struct yaml_reader *r, const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    bool quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    if (!refuse_extras(r, event, event->data.scalar.anchor, event->data.scalar.tag)) {
        return false;
    }
    if (strlen(text) != event->data.scalar.length) {
        return fail_at(r, &event->start_mark, "a text must not contain a NUL character");
    }
    if (wants_key(r)) {
        return take_key(r, event);
    }
    bool null = !quoted && is_null_text(text);
    struct node *node = new_node(r, null ? NODE_NULL : NODE_SCALAR, &event->start_mark);
    if (!node) {
        return false;
    }
    if (!null) {
        node->text = arena_strdup(r->build.arena, text);
        node->quoted = quoted;
    }
    place(r, node);
    return true;
}

static bool take_event(struct yaml_reader *r, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return r->n_documents++ == 0 ||
               fail_at(r, &event->start_mark,
                       "a second document starts here; only one is allowed");
    case YAML_ALIAS_EVENT:
        return fail_at(r, &event->start_mark, "aliases ('*name') are not supported here");
    case YAML_SCALAR_EVENT:
        return take_scalar(r, event);
    case YAML_SEQUENCE_START_EVENT:
        return refuse_extras(r, event, event->data.sequence_start.anchor,
                             event->data.sequence_start.tag) &&
               open_frame(r, event, NODE_LIST);
    case YAML_MAPPING_START_EVENT:
        return refuse_extras(r, event, event->data.mapping_start.anchor,
                             event->data.mapping_start.tag) &&
               open_frame(r, event, NODE_MAP);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return close_frame(r);
    default:
        return true;
    }
}

/* libyaml counts characters, not bytes. */
static char char_at(const struct node_builder *b, size_t index)
{
    size_t i = 0;
    for (; index > 0 && i < b->n_text; index--) {
        i += text_char_bytes(b->text + i, b->n_text - i);
    }
    return i < b->n_text ? b->text[i] : '\0';
}

/* libyaml's own words, with the place; a reader error (a control character) comes as an offset.
 */
static bool fail_syntax(struct yaml_reader *r, const yaml_parser_t *parser)
{
    const char *problem = parser->problem ? parser->problem : "cannot be parsed";
    if (parser->error == YAML_MEMORY_ERROR) {
        return err_set(r->build.err, ERR_INTERNAL, "out of memory in the YAML reader");
    }
    if (parser->error == YAML_READER_ERROR) {
        int line, col;
        size_t offset = parser->problem_offset < r->build.n_text ? parser->problem_offset : 0;
        text_locate(r->build.text, offset, &line, &col);
        return node_build_fail(&r->build, line, col, "%s", problem);
    }
    if (char_at(&r->build, parser->problem_mark.index) == '\t') {
        return fail_at(r, &parser->problem_mark, "YAML does not allow a tab as indentation");
    }
    return node_build_fail(
        &r->build, (int)parser->problem_mark.line + 1, (int)parser->problem_mark.column + 1,
        "%s%s%s", parser->context ? parser->context : "", parser->context ? ", " : "", problem);
}

static bool read_events(struct yaml_reader *r, yaml_parser_t *parser)
{
    for (;;) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event)) {
            return fail_syntax(r, parser);
        }
        bool ok = take_event(r, &event);
        bool end = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
        if (!ok || end) {
            return ok;
        }
    }
}

struct node *yaml_parse(struct arena *arena, const char *name, const char *text, size_t n,
                        struct err *err)
{
    struct yaml_reader *r = xcalloc(1, sizeof *r);
    yaml_parser_t parser;
    size_t bom_bytes = text_bom_bytes(text, n);
    r->build = (struct node_builder){.arena = arena,
                                     .file = arena_strdup(arena, name),
                                     .text = text + bom_bytes,
                                     .n_text = n - bom_bytes,
                                     .err = err};
    struct node *root = NULL;
    if (text_check(r->build.file, r->build.text, r->build.n_text, 1, err)) {
        ASSERT(yaml_parser_initialize(&parser));
        yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
        yaml_parser_set_input_string(&parser, (const unsigned char *)r->build.text,
                                     r->build.n_text);
        if (read_events(r, &parser)) {
            root = r->root;
        }
        yaml_parser_delete(&parser);
    }
    if (!root) {
        err_set(err, ERR_INPUT, "%s is empty", name);
    }
    free(r);
    return root;
}

struct node *yaml_load(struct arena *arena, const char *path, struct err *err)
{
    size_t n;
    char *text = text_load(path, NODE_FILE_MAX_BYTES, &n, err);
    if (!text) {
        return NULL;
    }
    struct node *root = yaml_parse(arena, path, text, n, err);
    free(text);
    return root;
}
