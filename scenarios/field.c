/* SPDX-License-Identifier: GPL-3.0-or-later */
/* field.c - reads a section by its table and records every value with its origin. A default is
 * read by the same code as a written value, from the text in the table. */
#include "scenarios/field.h"

#include <stdarg.h>
#include <string.h>

enum { MAX_EXACT_INT_BITS = 53 };

/* ---- places and paths ---- */

static enum value_origin origin_of(const struct node *node)
{
    if (!node || !node->pos.file) {
        return ORIGIN_DEFAULT;
    }
    return strncmp(node->pos.file, "--set ", 6) == 0 ? ORIGIN_SET : ORIGIN_FILE;
}

static void path_append(struct reader *r, const char *part)
{
    size_t n = strlen(part);
    ASSERT(r->path_len + n + 2 < sizeof r->path);
    if (r->path_len > 0) {
        r->path[r->path_len++] = '.';
    }
    memcpy(r->path + r->path_len, part, n + 1);
    r->path_len += n;
}

struct reader_mark reader_push(struct reader *r, const char *key, const struct node *node)
{
    struct reader_mark mark = {r->path_len, r->depth};
    reader_record(r, key, NULL, node);
    path_append(r, key);
    r->depth++;
    return mark;
}

struct reader_mark reader_push_item(struct reader *r, int idx)
{
    struct reader_mark mark = {r->path_len, r->depth};
    char part[16];
    snprintf(part, sizeof part, "%d", idx);
    path_append(r, part);
    r->depth++;
    r->item = true;
    return mark;
}

void reader_pop(struct reader *r, struct reader_mark mark)
{
    r->path_len = mark.path_len;
    r->path[mark.path_len] = '\0';
    r->depth = mark.depth;
    r->item = false;
}

void reader_record(struct reader *r, const char *key, const char *text, const struct node *node)
{
    struct scenario *sc = r->sc;
    if (sc->n_values == r->cap_values) {
        int cap = r->cap_values ? 2 * r->cap_values : 256;
        struct scenario_value *grown = arena_alloc(r->arena, (size_t)cap, sizeof *grown);
        if (sc->n_values > 0) {
            memcpy(grown, sc->values, (size_t)sc->n_values * sizeof *grown);
        }
        sc->values = grown;
        r->cap_values = cap;
    }
    struct scenario_value *value = &sc->values[sc->n_values++];
    value->path = r->path_len ? arena_printf(r->arena, "%s.%s", r->path, key) : key;
    value->key = key;
    value->text = text;
    value->depth = r->depth;
    value->item = r->item;
    value->origin = origin_of(node);
    if (node) {
        value->pos = node->pos;
    }
    r->item = false;
}

void reader_warn(struct reader *r, const char *fmt, ...)
{
    struct scenario *sc = r->sc;
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (sc->n_warnings == r->cap_warnings) {
        int cap = r->cap_warnings ? 2 * r->cap_warnings : 8;
        const char **grown = arena_alloc(r->arena, (size_t)cap, sizeof *grown);
        if (sc->n_warnings > 0) {
            memcpy(grown, sc->warnings, (size_t)sc->n_warnings * sizeof *grown);
        }
        sc->warnings = grown;
        r->cap_warnings = cap;
    }
    sc->warnings[sc->n_warnings++] = arena_strdup(r->arena, text);
}

const char *reader_path(const struct reader *r, const char *path)
{
    if (path[0] == '/' || path[0] == '\0' || strcmp(r->sc->dir, ".") == 0) {
        return path;
    }
    return arena_printf(r->arena, "%s/%s", r->sc->dir, path);
}

const struct scenario_value *scenario_value_find(const struct scenario *sc, const char *path)
{
    for (int i = 0; i < sc->n_values; i++) {
        if (strcmp(sc->values[i].path, path) == 0) {
            return &sc->values[i];
        }
    }
    return NULL;
}

struct src_pos value_pos(const struct scenario *sc, const char *path, struct src_pos otherwise)
{
    const struct scenario_value *value = scenario_value_find(sc, path);
    return value && value->origin != ORIGIN_DEFAULT ? value->pos : otherwise;
}

/* ---- the text a value is printed with ---- */

/* Plain YAML scalars are kept to characters that can never be read as syntax. */
static bool is_plain(const char *text)
{
    size_t n = strlen(text);
    if (n == 0 || text[n - 1] == ' ' ||
        !strchr("0123456789abcdefghijklmnopqrstuvwxyz"
                "ABCDEFGHIJKLMNOPQRSTUVWXYZ$./+",
                text[0])) {
        return false;
    }
    if (strcmp(text, "null") == 0 || strcmp(text, "Null") == 0 || strcmp(text, "NULL") == 0) {
        return false;
    }
    return strspn(text, "0123456789abcdefghijklmnopqrstuvwxyz"
                        "ABCDEFGHIJKLMNOPQRSTUVWXYZ$./+-_% ") == n;
}

const char *yaml_text(struct arena *arena, const char *text)
{
    if (is_plain(text)) {
        return text;
    }
    char *out = arena_alloc(arena, 2 * strlen(text) + 3, 1);
    size_t n = 0;
    out[n++] = '"';
    for (const char *c = text; *c; c++) {
        if (*c == '"' || *c == '\\') {
            out[n++] = '\\';
        }
        if (*c == '\n') {
            out[n++] = '\\';
            out[n++] = 'n';
        } else {
            out[n++] = *c;
        }
    }
    out[n] = '"';
    return out;
}

static const char *list_text(struct arena *arena, const struct node *node)
{
    size_t size = 3;
    for (const struct node *item = node->child; item; item = item->next) {
        size += strlen(yaml_text(arena, item->text)) + 2;
    }
    char *out = arena_alloc(arena, size, 1);
    size_t n = 0;
    out[n++] = '[';
    for (const struct node *item = node->child; item; item = item->next) {
        const char *text = yaml_text(arena, item->text);
        if (item != node->child) {
            out[n++] = ',';
            out[n++] = ' ';
        }
        memcpy(out + n, text, strlen(text));
        n += strlen(text);
    }
    out[n] = ']';
    return out;
}

/* ---- one value ---- */

static bool is_auto_word(const char *text)
{
    return strcmp(text, "auto") == 0 || strcmp(text, "none") == 0 ||
           strcmp(text, "catalogue") == 0;
}

static bool means_auto(const struct field *f, const struct node *node)
{
    bool allowed = f->may_auto || (f->dflt && is_auto_word(f->dflt));
    return allowed && node->kind == NODE_SCALAR && is_auto_word(node->text);
}

static bool read_num(struct reader *r, const struct field *f, const struct node *node,
                     double *value)
{
    if (!node_expect(node, NODE_SCALAR, r->err)) {
        return false;
    }
    if (f->zero_word && strcmp(node->text, f->zero_word) == 0) {
        *value = 0;
        return true;
    }
    return node_quantity(node, f->unit, f->min, f->max, value, r->err);
}

static bool read_int(struct reader *r, const struct field *f, const struct node *node,
                     int64_t *value)
{
    double number = 0;
    if (!read_num(r, f, node, &number)) {
        return false;
    }
    if (number != floor(number) || fabs(number) > (double)(INT64_C(1) << MAX_EXACT_INT_BITS)) {
        return err_at(r->err, node->pos, "%s must be a whole number, got %s", f->key,
                      node->text);
    }
    *value = (int64_t)number;
    return true;
}

static bool read_enum(struct reader *r, const struct field *f, const struct node *node,
                      int *value)
{
    if (!node_expect(node, NODE_SCALAR, r->err)) {
        return false;
    }
    return node_enum(node, f->names, f->n_names, value, r->err);
}

static bool read_dtype(struct reader *r, const struct node *node, int64_t *value)
{
    static const char *const names[] = {"auto",  "bf16",  "fp8", "int8",
                                        "nvfp4", "mxfp4", "int4"};
    enum dtype dtype = DTYPE_AUTO;
    if (!node_expect(node, NODE_SCALAR, r->err)) {
        return false;
    }
    if (!is_auto_word(node->text) && !dtype_parse(node->text, &dtype)) {
        err_at(r->err, node->pos, "'%s' is not a number format; use %s", node->text,
               "auto, bf16, fp8, int8, nvfp4, mxfp4 or int4");
        err_suggest(r->err, node->text, names, (int)(sizeof names / sizeof names[0]));
        return false;
    }
    *value = (int64_t)dtype;
    return true;
}

static bool read_string(struct reader *r, const struct field *f, const struct node *node,
                        const char **value)
{
    if (!node_string(node, value, r->err)) {
        return false;
    }
    size_t n = strlen(*value);
    if (n > 0 && (*value)[n - 1] == '\n') { /* a YAML block scalar ends in one */
        *value = arena_strndup(r->arena, *value, n - 1);
    }
    for (const unsigned char *c = (const unsigned char *)*value; *c; c++) {
        bool c1_control = c[0] == 0xc2 && c[1] < 0xa0;
        if (*c < 0x20 || *c == 0x7f || c1_control) {
            return err_at(r->err, node->pos, "%s holds a control character", f->key);
        }
    }
    double n_bytes = (double)strlen(*value);
    if (f->max > 0 && (n_bytes > f->max || n_bytes < f->min)) {
        return err_at(r->err, node->pos, "%s must have %.0f to %.0f bytes, it has %.0f", f->key,
                      f->min, f->max, n_bytes);
    }
    if (f->type == FIELD_PATH) {
        *value = reader_path(r, *value);
    }
    return true;
}

/* ---- lists ---- */

/* A scalar stands for a list of one. The wrapper shares the scalar's place. */
static struct node *as_list(struct reader *r, const struct node *node)
{
    struct node *list = arena_alloc(r->arena, 1, sizeof *list);
    *list = *node;
    if (node->kind == NODE_SCALAR) {
        struct node *item = arena_alloc(r->arena, 1, sizeof *item);
        *item = *node;
        item->next = NULL;
        list->kind = NODE_LIST;
        list->child = item;
        list->n_children = 1;
    }
    return list;
}

static bool list_check(struct reader *r, const struct field *f, const struct node *list)
{
    if (!node_expect(list, NODE_LIST, r->err)) {
        return false;
    }
    if (list->n_children == 0 || list->n_children > FIELD_MAX_LIST) {
        return err_at(r->err, list->pos, "%s must list 1 to %d values, it lists %d", f->key,
                      FIELD_MAX_LIST, list->n_children);
    }
    for (const struct node *a = list->child; a; a = a->next) {
        if (!node_expect(a, NODE_SCALAR, r->err)) {
            return false;
        }
        for (const struct node *b = list->child; b != a && !f->repeats; b = b->next) {
            if (strcmp(a->text, b->text) == 0) {
                return err_at(r->err, a->pos, "%s lists '%s' twice", f->key, a->text);
            }
        }
    }
    return true;
}

static bool list_item_int(struct reader *r, const struct field *f, const struct node *item,
                          int64_t *value)
{
    int chosen = 0;
    switch (f->type) {
    case FIELD_DTYPES:
        return read_dtype(r, item, value);
    case FIELD_ENUMS:
        if (!read_enum(r, f, item, &chosen)) {
            return false;
        }
        *value = chosen;
        return true;
    default:
        *value = 0;
        /* A list that is off by default has no word for one of its items. */
        return (f->may_auto && means_auto(f, item)) || read_int(r, f, item, value);
    }
}

static bool read_ints(struct reader *r, const struct field *f, const struct node *list,
                      struct int_list *out)
{
    out->items = arena_alloc(r->arena, (size_t)list->n_children, sizeof *out->items);
    for (const struct node *item = list->child; item; item = item->next) {
        if (!list_item_int(r, f, item, &out->items[out->n])) {
            return false;
        }
        for (int i = 0; i < out->n;
             i++) { /* "bf16" and "bfloat16" are one value, written twice */
            if (out->items[i] == out->items[out->n]) {
                return err_at(r->err, item->pos, "%s lists '%s' twice", f->key, item->text);
            }
        }
        out->n++;
    }
    return true;
}

static bool read_nums(struct reader *r, const struct field *f, const struct node *list,
                      struct num_list *out)
{
    out->items = arena_alloc(r->arena, (size_t)list->n_children, sizeof *out->items);
    for (const struct node *item = list->child; item; item = item->next) {
        if (!read_num(r, f, item, &out->items[out->n])) {
            return false;
        }
        out->n++;
    }
    return true;
}

static bool read_strings(struct reader *r, const struct field *f, const struct node *list,
                         struct str_list *out)
{
    out->items = arena_alloc(r->arena, (size_t)list->n_children, sizeof *out->items);
    for (const struct node *item = list->child; item; item = item->next) {
        if (!read_string(r, f, item, &out->items[out->n])) {
            return false;
        }
        out->n++;
    }
    return true;
}

static bool read_list(struct reader *r, const struct field *f, const struct node *node,
                      void *target, const char **text)
{
    const struct node *list = as_list(r, node);
    if (!list_check(r, f, list)) {
        return false;
    }
    *text = list->n_children == 1 ? yaml_text(r->arena, list->child->text)
                                  : list_text(r->arena, list);
    switch (f->type) {
    case FIELD_NUMS:
        return read_nums(r, f, list, target);
    case FIELD_STRS:
        return read_strings(r, f, list, target);
    default:
        return read_ints(r, f, list, target);
    }
}

/* ---- a field ---- */

/* Lists of what to compare become one auto item; lists of points stay empty. */
static void set_auto(struct reader *r, const struct field *f, void *target)
{
    struct int_list *list = target;
    switch (f->type) {
    case FIELD_NUM:
        *(double *)target = NAN;
        break;
    case FIELD_INT:
        *(int64_t *)target = SCENARIO_AUTO;
        break;
    case FIELD_SWITCH:
    case FIELD_ENUM:
        *(int *)target = SCENARIO_AUTO;
        break;
    case FIELD_STR:
    case FIELD_PATH:
        *(const char **)target = "";
        break;
    case FIELD_INTS:
    case FIELD_DTYPES:
        if (!f->dflt || strcmp(f->dflt, "none") != 0) {
            list->items = arena_alloc(r->arena, 1, sizeof *list->items);
            list->n = 1;
        }
        break;
    default:
        break;
    }
}

static bool read_scalar(struct reader *r, const struct field *f, const struct node *node,
                        void *target, const char **text)
{
    bool on = false;
    *text = node->kind == NODE_SCALAR ? yaml_text(r->arena, node->text) : "";
    switch (f->type) {
    case FIELD_NUM:
        return read_num(r, f, node, target);
    case FIELD_INT:
        return read_int(r, f, node, target);
    case FIELD_SWITCH:
        if (!node_expect(node, NODE_SCALAR, r->err) || !node_bool(node, &on, r->err)) {
            return false;
        }
        *(int *)target = on;
        return true;
    case FIELD_ENUM:
        if (!read_enum(r, f, node, target)) {
            return false;
        }
        *text = f->names[*(int *)target];
        return true;
    case FIELD_STR:
    case FIELD_PATH:
        return read_string(r, f, node, target);
    default:
        return read_list(r, f, node, target, text);
    }
}

/* The default as a node without a place. Lists in a default are written in YAML flow style. */
static const struct node *default_node(struct reader *r, const struct field *f)
{
    struct node *node = NULL;
    if (f->dflt[0] == '[') {
        node = yaml_parse(r->arena, "default", f->dflt, strlen(f->dflt), r->err);
        ASSERT(node != NULL);
    } else {
        node = arena_alloc(r->arena, 1, sizeof *node);
        node->kind = NODE_SCALAR;
        node->text = f->dflt;
    }
    node->pos = (struct src_pos){0};
    return node;
}

/* The words for auto mean the same: the one of the default is printed. */
static const char *auto_word(const struct field *f)
{
    return f->dflt && is_auto_word(f->dflt) ? f->dflt : "auto";
}

static bool read_value(struct reader *r, const struct field *f, const struct node *node,
                       void *target, bool quiet)
{
    const char *text = NULL;
    bool is_auto = means_auto(f, node);
    if (is_auto) {
        set_auto(r, f, target);
        text = auto_word(f);
    } else if (!read_scalar(r, f, node, target, &text)) {
        return false;
    }
    if (!quiet && !(is_auto && strcmp(text, "none") == 0)) {
        reader_record(r, f->key, text, node);
    }
    return true;
}

static bool read_sub(struct reader *r, const struct field *f, const struct node *node,
                     struct src_pos where, void *target)
{
    struct reader_mark mark = reader_push(r, f->key, node);
    bool ok = section_read(r, f->sub, node, where, target);
    reader_pop(r, mark);
    return ok;
}

static bool read_field(struct reader *r, const struct field *f, const struct node *node,
                       struct src_pos where, void *target)
{
    if (f->type == FIELD_SUB) {
        return read_sub(r, f, node, where, target);
    }
    if (f->type == FIELD_DIST) {
        return dist_read(r, f->key, node, where, target);
    }
    if (node && node->kind == NODE_NULL) {
        return err_at(r->err, node->pos, "%s has no value", f->key);
    }
    if (!node && !f->dflt) {
        return err_at(r->err, where, "%s is missing", f->key);
    }
    return read_value(r, f, node ? node : default_node(r, f), target, false);
}

/* ---- a section ---- */

static bool check_keys(struct reader *r, const struct section *section, const struct node *map)
{
    const char *keys[FIELD_MAX_PER_SECTION];
    ASSERT(section->n_fields <= FIELD_MAX_PER_SECTION);
    for (int i = 0; i < section->n_fields; i++) {
        keys[i] = section->fields[i].key;
    }
    return node_expect(map, NODE_MAP, r->err) &&
           node_check_keys(map, keys, section->n_fields, r->err);
}

/* A key that the chosen kind does not use is refused when written and silent when not. */
static bool skip_field(struct reader *r, const struct section *section, const struct field *f,
                       const struct node *node, int kind, void *target)
{
    const struct field *selector = &section->fields[0];
    if (node) {
        return err_at(r->err, node->key_pos, "%s has no meaning with %s: %s", f->key,
                      selector->key, selector->names[kind]);
    }
    if (!f->dflt) {
        return true;
    }
    return read_value(r, f, default_node(r, f), target, true);
}

bool section_read(struct reader *r, const struct section *section, const struct node *map,
                  struct src_pos where, void *out)
{
    if (map && map->kind == NODE_NULL) {
        map = NULL;
    }
    if (map && !check_keys(r, section, map)) {
        return false;
    }
    int kind = 0;
    for (int i = 0; i < section->n_fields; i++) {
        const struct field *f = &section->fields[i];
        const struct node *node = node_get(map, f->key);
        void *target = (char *)out + f->offset;
        bool used = !section->selector || f->only == 0 || (f->only & (1U << kind)) != 0;
        if (used ? !read_field(r, f, node, map ? map->pos : where, target)
                 : !skip_field(r, section, f, node, kind, target)) {
            return false;
        }
        if (i == 0 && section->selector) {
            kind = *(int *)target;
        }
    }
    return true;
}
