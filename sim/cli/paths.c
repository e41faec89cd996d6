/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/cli/paths.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool has_dir(struct arena *arena, const char *dir, const char *name)
{
    return is_dir(arena_printf(arena, "%s/%s", dir, name));
}

static void add(struct arena *arena, struct data_paths *out, const char *dir)
{
    const char **dirs = arena_alloc(arena, (size_t)out->n_dirs + 1, sizeof *dirs);
    for (int i = 0; i < out->n_dirs; i++) {
        if (strcmp(out->dirs[i], dir) == 0) {
            return;
        }
        dirs[i] = out->dirs[i];
    }
    dirs[out->n_dirs++] = dir;
    out->dirs = dirs;
}

static void add_env(struct arena *arena, struct data_paths *out, const char *list)
{
    while (list && *list) {
        size_t n = strcspn(list, ":");
        const char *dir = arena_strndup(arena, list, n);
        if (is_dir(dir)) {
            add(arena, out, dir);
        }
        list += n + (list[n] == ':');
    }
}

/* A directory that holds the program's own catalogue, not just any folder of that name. */
static bool add_whole(struct arena *arena, struct data_paths *out, const char *dir)
{
    const char *gpus = arena_printf(arena, "%s/hardware/gpus.csv", dir);
    if (access(gpus, R_OK) != 0 || !has_dir(arena, dir, "models")) {
        return false;
    }
    add(arena, out, dir);
    return true;
}

/* The directory `up` levels above a file; NULL at the root. */
static const char *above(struct arena *arena, const char *file, int up)
{
    char *dir = arena_strdup(arena, file);
    for (int i = 0; i <= up; i++) {
        char *slash = strrchr(dir, '/');
        if (!slash || slash == dir) {
            return NULL;
        }
        *slash = '\0';
    }
    return dir;
}

/* ./headroom and build/<config>/headroom stand in the source tree; bin/headroom beside share/.
 */
static void add_of_executable(struct arena *arena, struct data_paths *out, const char *file)
{
    static const int levels[] = {0, 2};
    for (int i = 0; i < 2; i++) {
        const char *dir = above(arena, file, levels[i]);
        if (dir && add_whole(arena, out, dir)) {
            return;
        }
    }
    const char *dir = above(arena, file, 1);
    if (dir) {
        add_whole(arena, out, arena_printf(arena, "%s/share/headroom", dir));
    }
}

bool paths_find(struct arena *arena, const struct path_sources *from, struct data_paths *out,
                struct err *err)
{
    *out = (struct data_paths){0};
    for (int i = 0; i < from->n_data; i++) {
        if (!is_dir(from->data[i])) {
            return err_set(err, ERR_USAGE, "--data %s: no such directory", from->data[i]);
        }
        add(arena, out, from->data[i]);
    }
    add_env(arena, out, from->env);
    if (from->executable) {
        add_of_executable(arena, out, from->executable);
    }
    const char *installed = arena_printf(arena, "%s/share/headroom", from->prefix);
    add_whole(arena, out, installed);
    if (out->n_dirs == 0) {
        return err_set(
            err, ERR_IO,
            "no catalogue found: neither beside the program nor in %s; name one with "
            "--data or HEADROOM_PATH",
            installed);
    }
    return true;
}

const char *paths_executable(struct arena *arena)
{
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    return n > 0 ? arena_strndup(arena, path, (size_t)n) : NULL;
}

const char *paths_templates(struct arena *arena, const struct data_paths *paths,
                            const char *kind)
{
    for (int i = 0; i < paths->n_dirs; i++) {
        const char *dir = arena_printf(arena, "%s/plots", paths->dirs[i]);
        if (access(arena_printf(arena, "%s/%s.gp", dir, kind), R_OK) == 0) {
            return dir;
        }
    }
    return NULL;
}

bool paths_make(const char *dir, struct err *err)
{
    char path[PATH_MAX];
    if ((size_t)snprintf(path, sizeof path, "%s", dir) >= sizeof path) {
        return err_set(err, ERR_IO, "cannot make directory: its path is too long");
    }
    for (char *c = path + 1;; c++) {
        bool at_end = *c == '\0';
        if (!at_end && *c != '/') {
            continue;
        }
        *c = '\0';
        if (mkdir(path, 0777) != 0 && !(errno == EEXIST && is_dir(path))) {
            int why = errno == EEXIST ? ENOTDIR : errno;
            return err_set(err, ERR_IO, "cannot make directory '%s': %s", path, strerror(why));
        }
        if (at_end) {
            return true;
        }
        *c = '/';
    }
}
