/* SPDX-License-Identifier: GPL-3.0-or-later */
/* model_find.c - from the name a person writes to a catalogue file: file name, Hugging Face id,
 * alias, checkpoint name, or such an id without what does not change the architecture (owner,
 * dates, tuning and quantisation suffixes). Ids are read from the files at each look-up: about
 * 50 small files. */
#include "models/model.h"

#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sim/base/node.h"

enum { ID_BYTES = 160 };

/* Suffixes that name a tuning, a number format or a packaging of the same architecture. */
static const char *const NOISE[] = {
    "instruct", "hf",       "it",    "base",    "chat",  "thinking", "exp",
    "terminus", "preview",  "fp8",   "nvfp4",   "mxfp4", "fp4",      "int4",
    "int8",     "bf16",     "fp16",  "dynamic", "block", "static",   "kv",
    "w8a8",     "w4a16",    "w4a8",  "awq",     "gptq",  "v0.1",     "v0.2",
    "v0.3",     "original", "mxfp8", "w8a8kv8", "4bit",  "8bit"};

static bool is_one_of(const char *token, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(token, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* 0528, 2501, 250115, 20250115 */
static bool is_date(const char *token)
{
    size_t n = strlen(token);
    return strspn(token, "0123456789") == n && (n == 4 || n == 6 || n == 8);
}

static bool is_noise(const char *token)
{
    return is_one_of(token, NOISE, sizeof NOISE / sizeof *NOISE) || is_date(token) ||
           strncmp(token, "quantized", 9) == 0;
}

/* Lower case, without owner; false when the id is too long to be one. */
static bool plain_id(const char *id, char out[ID_BYTES])
{
    const char *slash = strrchr(id, '/');
    const char *base = slash != NULL ? slash + 1 : id;
    size_t n = strlen(base);
    if (n == 0 || n >= ID_BYTES) {
        return false;
    }
    for (size_t i = 0; i <= n; i++) {
        out[i] = (char)tolower((unsigned char)base[i]);
    }
    return true;
}

/* Cuts noise from the end. "v2" counts only behind a format: NVIDIA's second FP4 release of a
 * model, but not DeepSeek-V2. */
static void strip_id(char *id)
{
    if (strncmp(id, "meta-", 5) == 0) {
        memmove(id, id + 5, strlen(id + 5) + 1);
    }
    for (char *dash = strrchr(id, '-'); dash != NULL && dash != id; dash = strrchr(id, '-')) {
        size_t keep = (size_t)(dash - id);
        if (strcmp(dash, "-v2") == 0) {
            *dash = '\0';
            const char *before = strrchr(id, '-');
            if (before == NULL || !is_noise(before + 1)) {
                id[keep] = '-';
                return;
            }
        } else if (is_noise(dash + 1)) {
            *dash = '\0';
        } else {
            return;
        }
    }
}

/* How well an id of a catalogue entry matches; lower is better. */
enum match { MATCH_ID, MATCH_NO_OWNER, MATCH_STRIPPED, MATCH_NONE };

static enum match match_id(const char *wanted, const char *id)
{
    char a[ID_BYTES], b[ID_BYTES];
    if (*wanted == '\0' || *id == '\0') {
        return MATCH_NONE;
    }
    if (strcasecmp(wanted, id) == 0) {
        return MATCH_ID;
    }
    if (!plain_id(wanted, a) || !plain_id(id, b)) {
        return MATCH_NONE;
    }
    if (strcmp(a, b) == 0) {
        return MATCH_NO_OWNER;
    }
    strip_id(a);
    strip_id(b);
    return strcmp(a, b) == 0 ? MATCH_STRIPPED : MATCH_NONE;
}

static enum match better(enum match a, enum match b)
{
    return a < b ? a : b;
}

/* Best match among file name, hf_id, aliases and checkpoint names of one file. */
static enum match match_entry(const char *wanted, const char *name, const struct node *root)
{
    enum match best = match_id(wanted, name);
    const struct node *hf_id = node_get_path(root, "headroom.hf_id");
    const struct node *aliases = node_get_path(root, "headroom.aliases");
    const struct node *checkpoints = node_get_path(root, "headroom.checkpoints");
    if (hf_id != NULL && hf_id->text != NULL) {
        best = better(best, match_id(wanted, hf_id->text));
    }
    for (const struct node *n = aliases != NULL ? aliases->child : NULL; n != NULL;
         n = n->next) {
        best = n->text != NULL ? better(best, match_id(wanted, n->text)) : best;
    }
    for (const struct node *n = checkpoints != NULL ? checkpoints->child : NULL; n != NULL;
         n = n->next) {
        const struct node *id = node_get(n, "name");
        best = id != NULL && id->text != NULL ? better(best, match_id(wanted, id->text)) : best;
    }
    return best;
}

struct entry {
    const char *name; /* file name without .json */
    const char *path;
};

struct entries {
    struct entry *item;
    int n, cap;
};

static int entry_order(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static bool has_entry(const struct entries *all, const char *name)
{
    for (int i = 0; i < all->n; i++) {
        if (strcmp(all->item[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static void add_dir(struct arena *arena, const char *dir, struct entries *all)
{
    const char *folder = arena_printf(arena, "%s/models", dir);
    DIR *handle = opendir(folder);
    if (handle == NULL) {
        return;
    }
    for (struct dirent *d = readdir(handle); d != NULL; d = readdir(handle)) {
        size_t n = strlen(d->d_name);
        if (n <= 5 || d->d_name[0] == '.' || strcmp(d->d_name + n - 5, ".json") != 0) {
            continue;
        }
        const char *name = arena_strndup(arena, d->d_name, n - 5);
        if (!has_entry(all, name)) {
            ARRAY_RESERVE(all->item, all->cap, all->n + 1);
            all->item[all->n].name = name;
            all->item[all->n].path = arena_printf(arena, "%s/%s", folder, d->d_name);
            all->n++;
        }
    }
    closedir(handle);
}

/* Every catalogue file, the first directory winning, sorted by name. Caller frees ->item. */
static struct entries list_entries(struct arena *arena, const char *const *dirs, int n_dirs)
{
    struct entries all = {NULL, 0, 0};
    for (int i = 0; i < n_dirs; i++) {
        add_dir(arena, dirs[i], &all);
    }
    if (all.n > 1) {
        qsort(all.item, (size_t)all.n, sizeof *all.item, entry_order);
    }
    return all;
}

const char **model_list(struct arena *arena, const char *const *dirs, int n_dirs, int *n,
                        struct err *err)
{
    struct entries all = list_entries(arena, dirs, n_dirs);
    const char **names = arena_alloc(arena, (size_t)all.n + 1, sizeof *names);
    for (int i = 0; i < all.n; i++) {
        names[i] = all.item[i].name;
    }
    *n = all.n;
    free(all.item);
    if (*n == 0) {
        err_set(err, ERR_IO, "no models found: no catalogue directory has models/*.json");
        return NULL;
    }
    return names;
}

/* The entry whose ids match best; a file that cannot be read matters only when nothing matches
 * (its error is left in *broken). */
static const struct entry *best_entry(const struct entries *all, const char *name,
                                      struct err *broken)
{
    const struct entry *found = NULL;
    enum match best = MATCH_NONE;
    for (int i = 0; i < all->n && best != MATCH_ID; i++) {
        struct arena *scratch = arena_new();
        const struct node *root = json_load(scratch, all->item[i].path, broken);
        enum match match =
            root != NULL ? match_entry(name, all->item[i].name, root) : MATCH_NONE;
        if (match < best) {
            best = match;
            found = &all->item[i];
        }
        arena_free(scratch);
    }
    return found;
}

static const struct entry *named_entry(const struct entries *all, const char *name)
{
    for (int i = 0; i < all->n; i++) {
        if (strcasecmp(all->item[i].name, name) == 0) {
            return &all->item[i];
        }
    }
    return NULL;
}

static void fail_unknown(const struct entries *all, const char *name, const struct err *broken,
                         struct err *err)
{
    if (broken->code != ERR_NONE && err != NULL && err->code == ERR_NONE) {
        *err = *broken;
        return;
    }
    const char **names = xcalloc((size_t)all->n + 1, sizeof *names);
    char wanted[ID_BYTES] = "";
    for (int i = 0; i < all->n; i++) {
        names[i] = all->item[i].name;
    }
    err_set(err, ERR_INPUT, "unknown model '%s'", name);
    if (plain_id(name, wanted)) {
        strip_id(wanted);
    }
    err_suggest(err, wanted, names, all->n);
    free(names);
}

/* A path only when it cannot be an id: "dir/config.json". */
static bool is_config_path(const char *name)
{
    size_t n = strlen(name);
    return n > 5 && strchr(name, '/') != NULL && strcmp(name + n - 5, ".json") == 0;
}

struct model *model_find(struct arena *arena, const char *const *dirs, int n_dirs,
                         const char *name, struct err *err)
{
    if (is_config_path(name)) {
        return model_load(arena, name, err);
    }
    struct entries all = list_entries(arena, dirs, n_dirs);
    struct err broken = {0};
    const struct entry *found = named_entry(&all, name);
    if (found == NULL) {
        found = best_entry(&all, name, &broken);
    }
    if (found == NULL) {
        fail_unknown(&all, name, &broken, err);
    }
    struct model *m = found != NULL ? model_load(arena, found->path, err) : NULL;
    free(all.item);
    return m;
}
