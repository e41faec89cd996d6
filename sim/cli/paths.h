/* SPDX-License-Identifier: GPL-3.0-or-later */
/* paths.h - where the catalogue is: --data directories, HEADROOM_PATH, the source tree or the
 * installation the executable belongs to, PREFIX/share/headroom. All that exist are searched in
 * that order; the first to have an entry wins. */
#ifndef PATHS_H
#define PATHS_H

#include <stdbool.h>

#include "sim/base/err.h"
#include "sim/base/mem.h"

struct data_paths {
    const char **dirs;
    int n_dirs;
};

/* What decides; texts are borrowed. */
struct path_sources {
    const char *const *data; /* --data, in order; each must be a directory */
    int n_data;
    const char *env; /* HEADROOM_PATH, colon list; NULL: not set. Missing ones are skipped */
    const char *executable; /* absolute path; NULL: unknown */
    const char *prefix;     /* of the installation */
};

/* False with err when a --data directory is missing (ERR_USAGE) or no catalogue is found
 * (ERR_IO). */
bool paths_find(struct arena *arena, const struct path_sources *from, struct data_paths *out,
                struct err *err);
/* The running program's file; NULL when the system does not say. In the arena. */
const char *paths_executable(struct arena *arena);
/* The first directory with plots/<kind>.gp: "<dir>/plots"; NULL when there is none. */
const char *paths_templates(struct arena *arena, const struct data_paths *paths,
                            const char *kind);
/* Makes a directory and those above it. */
bool paths_make(const char *dir, struct err *err);

#endif
