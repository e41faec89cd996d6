/* SPDX-License-Identifier: GPL-3.0-or-later */
/* job.c - see job.h. Where files lie is no part of a job: only what they hold. */
#include "sim/experiment/job.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sim/base/hash.h"

/* ---- scenario ---- */

static bool is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* The file that a value names, from the scenario's folder; NULL: it names none. */
static const char *file_of(struct arena *arena, const struct scenario *sc, const char *text)
{
    size_t n = strlen(text);
    bool quoted = n >= 2 && (text[0] == '"' || text[0] == '\'') && text[n - 1] == text[0];
    const char *name = quoted ? arena_strndup(arena, text + 1, n - 2) : text;
    const char *path =
        name[0] == '/' || !sc->dir[0] ? name : arena_printf(arena, "%s/%s", sc->dir, name);
    return name[0] && is_file(path) ? path : NULL;
}

static bool add_value(struct arena *arena, const struct scenario *sc,
                      const struct scenario_value *v, uint64_t *hash, struct err *err)
{
    unsigned char origin = (unsigned char)v->origin;
    *hash = hash_text(*hash, v->path);
    *hash = hash_bytes(*hash, &origin, 1);
    const char *path = v->text ? file_of(arena, sc, v->text) : NULL;
    if (path) {
        return hash_file(hash, path, err);
    }
    *hash = hash_text(*hash, v->text ? v->text : "");
    return true;
}

static bool hash_scenario(struct arena *arena, const struct scenario *sc, uint64_t *hash,
                          struct err *err)
{
    *hash = hash_text(HASH_START, sc->name);
    for (int i = 0; i < sc->n_values; i++) {
        if (!add_value(arena, sc, &sc->values[i], hash, err)) {
            return false;
        }
    }
    return true;
}

/* ---- catalogue ---- */

struct files {
    struct arena *arena;
    uint64_t *hashes; /* of name and content, the name below the catalogue: "models/x.json" */
    int n, cap;
};

static bool is_data(const char *name)
{
    const char *dot = strrchr(name, '.');
    return name[0] != '.' && dot && (strcmp(dot, ".csv") == 0 || strcmp(dot, ".json") == 0);
}

/* An overlay that repeats a file changes nothing. */
static bool add_file(struct files *f, const char *dir, const char *name, struct err *err)
{
    uint64_t hash = hash_text(HASH_START, name);
    if (!hash_file(&hash, arena_printf(f->arena, "%s/%s", dir, name), err)) {
        return false;
    }
    for (int i = 0; i < f->n; i++) {
        if (f->hashes[i] == hash) {
            return true;
        }
    }
    ARRAY_RESERVE(f->hashes, f->cap, f->n + 1);
    f->hashes[f->n++] = hash;
    return true;
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static bool add_folder(struct files *f, const char *dir, const char *folder, struct err *err)
{
    struct dirent **entries;
    int n =
        scandir(arena_printf(f->arena, "%s/%s", dir, folder), &entries, NULL, compare_names);
    bool ok = true;
    for (int i = 0; i < n; i++) {
        if (ok && is_data(entries[i]->d_name)) {
            const char *name = arena_printf(f->arena, "%s/%s", folder, entries[i]->d_name);
            ok = add_file(f, dir, name, err);
        }
        free(entries[i]);
    }
    if (n >= 0) {
        free(entries);
    }
    return ok;
}

static bool hash_catalogue(struct arena *arena, const char *const *dirs, int n_dirs,
                           uint64_t *hash, struct err *err)
{
    static const char *const folders[] = {"models", "hardware", "hardware/kernels",
                                          "hardware/collectives"};
    struct files f = {.arena = arena};
    bool ok = true;
    for (int i = 0; i < n_dirs; i++) {
        for (size_t k = 0; ok && k < sizeof folders / sizeof folders[0]; k++) {
            ok = add_folder(&f, dirs[i], folders[k], err);
        }
    }
    *hash = hash_bytes(HASH_START, f.hashes, (size_t)f.n * sizeof *f.hashes);
    free(f.hashes);
    return ok;
}

bool job_init(struct arena *arena, const struct scenario *sc, const char *const *dirs,
              int n_dirs, struct job *job, struct err *err)
{
    *job = (struct job){
        .command = "", .version = "", .seed = sc->simulation.seed, .libm = hash_libm()};
    return hash_scenario(arena, sc, &job->scenario, err) &&
           hash_catalogue(arena, dirs, n_dirs, &job->catalogue, err);
}
