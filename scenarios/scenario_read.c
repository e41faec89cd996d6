/* SPDX-License-Identifier: GPL-3.0-or-later */
/* scenario_read.c - from a YAML tree to a struct scenario: which sections there are and the
 * shapes they may be written in (one map or a list of maps; a model by its bare name). */
#include <string.h>

#include "scenarios/field.h"

/* ---- top level ---- */

static const char *const top_keys[] = {
    "schema",  "name",        "question",   "model",     "workload",    "demand",
    "engine",  "deployments", "moe",        "sweep",     "reliability", "economics",
    "managed", "policy",      "simulation", "autoscale",
};
enum { N_TOP_KEYS = (int)(sizeof top_keys / sizeof top_keys[0]) };

static struct node *copy_node(struct arena *arena, const struct node *node)
{
    struct node *copy = arena_alloc(arena, 1, sizeof *copy);
    *copy = *node;
    return copy;
}

/* The scalars schema, name and question as a section of their own. */
static bool read_top(struct reader *r, const struct node *root)
{
    struct node *head = copy_node(r->arena, root);
    struct node **tail = &head->child;
    head->n_children = 0;
    for (const struct node *child = root->child; child; child = child->next) {
        for (int i = 0; i < section_top.n_fields; i++) {
            if (strcmp(child->key, section_top.fields[i].key) == 0) {
                *tail = copy_node(r->arena, child);
                (*tail)->next = NULL;
                tail = &(*tail)->next;
                head->n_children++;
            }
        }
    }
    *tail = NULL;
    return section_read(r, &section_top, head, root->pos, r->sc);
}

static bool read_section(struct reader *r, const struct node *root,
                         const struct section *section, void *out)
{
    const struct node *node = node_get(root, section->name);
    struct reader_mark mark = reader_push(r, section->name, node);
    bool ok = section_read(r, section, node, root->pos, out);
    reader_pop(r, mark);
    return ok;
}

/* ---- sections that are lists of maps ---- */

/* One element of a list section: a map; a model may be its bare name. */
static const struct node *as_item(struct reader *r, const struct section *section,
                                  const struct node *node)
{
    if (node->kind != NODE_SCALAR || section != &section_model) {
        return node;
    }
    struct node *map = copy_node(r->arena, node);
    struct node *value = copy_node(r->arena, node);
    value->key = section->fields[0].key;
    value->key_pos = node->pos;
    value->next = NULL;
    map->kind = NODE_MAP;
    map->child = value;
    map->n_children = 1;
    return map;
}

/* Reads a list of maps, or one map alone, into structs of `size` bytes. */
static bool read_items(struct reader *r, const struct section *section, const struct node *node,
                       struct src_pos where, int max, size_t size, void **items, int *n)
{
    bool is_list = node && node->kind == NODE_LIST;
    const struct node *item = is_list ? node->child : node;
    *n = is_list ? node->n_children : 1;
    if (*n < 1 || *n > max) {
        return err_at(r->err, node ? node->pos : where,
                      "%s must list 1 to %d entries, it lists %d", section->name, max, *n);
    }
    *items = arena_alloc(r->arena, (size_t)*n, size);
    for (int i = 0; i < *n; i++) {
        struct reader_mark mark = reader_push_item(r, i);
        const struct node *map = item ? as_item(r, section, item) : NULL;
        void *out = (char *)*items + (size_t)i * size;
        bool ok = section_read(r, section, map, item ? item->pos : where, out);
        reader_pop(r, mark);
        if (!ok) {
            return false;
        }
        item = is_list ? item->next : NULL;
    }
    return true;
}

static bool read_list_section(struct reader *r, const struct node *root,
                              const struct section *section, int max, size_t size, void **items,
                              int *n)
{
    const struct node *node = node_get(root, section->name);
    if (node && node->kind == NODE_NULL) {
        node = NULL;
    }
    struct reader_mark mark = reader_push(r, section->name, node);
    bool ok = read_items(r, section, node, root->pos, max, size, items, n);
    reader_pop(r, mark);
    return ok;
}

static bool ends_with(const char *text, const char *suffix)
{
    size_t n = strlen(text);
    size_t m = strlen(suffix);
    return n > m && strcmp(text + n - m, suffix) == 0;
}

static bool read_models(struct reader *r, const struct node *root)
{
    void *items = NULL;
    if (!node_get(root, "model")) {
        return err_at(r->err, root->pos, "model is missing: name the model to serve");
    }
    if (!read_list_section(r, root, &section_model, SCENARIO_MAX_MODELS,
                           sizeof(struct scenario_model), &items, &r->sc->n_models)) {
        return false;
    }
    r->sc->models = items;
    for (int i = 0; i < r->sc->n_models; i++) {
        struct scenario_model *model = &r->sc->models[i];
        if (ends_with(model->name, ".json")) {
            model->name = reader_path(r, model->name);
        }
    }
    return true;
}

static bool read_classes(struct reader *r, const struct node *root)
{
    void *items = NULL;
    if (!node_get(root, "workload")) {
        return err_at(r->err, root->pos, "workload is missing: say what requests arrive");
    }
    bool ok = read_list_section(r, root, &section_class, SCENARIO_MAX_CLASSES,
                                sizeof(struct scenario_class), &items, &r->sc->n_classes);
    r->sc->classes = items;
    return ok;
}

static bool read_deployments(struct reader *r, const struct node *root)
{
    void *items = NULL;
    const struct node *node = node_get(root, "deployments");
    if (!read_list_section(r, root, &section_deployment, FIELD_MAX_LIST,
                           sizeof(struct scenario_deployment), &items, &r->sc->n_deployments)) {
        return false;
    }
    r->sc->deployments = items;
    const struct node *item = node && node->kind == NODE_LIST ? node->child : node;
    for (int i = 0; i < r->sc->n_deployments; i++) {
        r->sc->deployments[i].pos = item ? item->pos : root->pos;
        item = item ? item->next : NULL;
    }
    return true;
}

static bool read_managed(struct reader *r, const struct node *root)
{
    void *items = NULL;
    const struct node *node = node_get(root, "managed");
    bool empty = node && node->kind == NODE_LIST && node->n_children == 0;
    if (!node || node->kind == NODE_NULL || empty) {
        return true;
    }
    bool ok = read_list_section(r, root, &section_managed, FIELD_MAX_LIST,
                                sizeof(struct scenario_managed), &items, &r->sc->n_managed);
    r->sc->managed = items;
    return ok;
}

static bool read_sections(struct reader *r, const struct node *root)
{
    struct scenario *sc = r->sc;
    sc->sweep.given = node_get(root, "sweep") != NULL;
    return read_top(r, root) && read_models(r, root) && read_classes(r, root) &&
           read_section(r, root, &section_engine, &sc->engine) && read_deployments(r, root) &&
           read_section(r, root, &section_moe, &sc->moe) &&
           read_section(r, root, &section_autoscale, &sc->autoscale) &&
           read_section(r, root, &section_sweep, &sc->sweep) &&
           read_section(r, root, &section_demand, &sc->demand) &&
           read_section(r, root, &section_reliability, &sc->reliability) &&
           read_section(r, root, &section_economics, &sc->economics) && read_managed(r, root) &&
           read_section(r, root, &section_policy, &sc->policy) &&
           read_section(r, root, &section_simulation, &sc->simulation);
}

/* ---- entry points ---- */

static bool apply_sets(struct arena *arena, struct node *root, const char *const *sets,
                       int n_sets, struct err *err)
{
    for (int i = 0; i < n_sets; i++) {
        const char *equals = strchr(sets[i], '=');
        if (!equals || equals == sets[i] || equals[1] == '\0') {
            return err_set(err, ERR_USAGE, "--set takes path.to.key=value, got '%s'", sets[i]);
        }
        const char *path = arena_strndup(arena, sets[i], (size_t)(equals - sets[i]));
        if (!node_set_path(arena, root, path, equals + 1, err)) {
            return false;
        }
    }
    return true;
}

static const char *directory_of(struct arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash) {
        return ".";
    }
    return slash == path ? "/" : arena_strndup(arena, path, (size_t)(slash - path));
}

static bool read_tree(struct arena *arena, const char *file, struct node *root,
                      const char *const *sets, int n_sets, struct scenario **out,
                      struct err *err)
{
    struct scenario *sc = arena_alloc(arena, 1, sizeof *sc);
    struct reader r = {.arena = arena, .sc = sc, .err = err};
    sc->file = arena_strdup(arena, file);
    sc->dir = directory_of(arena, file);
    if (!node_expect(root, NODE_MAP, err) || !apply_sets(arena, root, sets, n_sets, err) ||
        !node_check_keys(root, top_keys, N_TOP_KEYS, err) || !read_sections(&r, root) ||
        !scenario_check(&r)) {
        return false;
    }
    *out = sc;
    return true;
}

bool scenario_load(struct arena *arena, const char *path, const char *const *sets, int n_sets,
                   struct scenario **out, struct err *err)
{
    struct node *root = yaml_load(arena, path, err);
    return root && read_tree(arena, path, root, sets, n_sets, out, err);
}

bool scenario_parse(struct arena *arena, const char *file, const char *text, size_t n,
                    const char *const *sets, int n_sets, struct scenario **out, struct err *err)
{
    struct node *root = yaml_parse(arena, file, text, n, err);
    return root && read_tree(arena, file, root, sets, n_sets, out, err);
}
