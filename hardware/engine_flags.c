/* SPDX-License-Identifier: GPL-3.0-or-later */
/* engine_flags.c - reads hardware/engine_flags.csv. */
#include "hardware/engine_flags.h"

#include <string.h>

#include "hardware/catalog.h"

#define NAME(member) NAME_FIELD(struct engine_flag, #member, member)
#define TEXT(member) TEXT_FIELD(struct engine_flag, #member, member)

static const struct row_field fields[] = {
    NAME(engine),     NAME(knob),    NAME(flag),   TEXT(since),
    TEXT(checkpoint), TEXT(weights), NAME(source), NAME(as_of),
};

static const struct row_layout layout = {
    .file = "engine_flags.csv",
    .fields = fields,
    .n_fields = sizeof fields / sizeof fields[0],
    .row_size = sizeof(struct engine_flag),
};

static bool check_row(const struct engine_flag *f, struct src_pos pos, struct err *err)
{
    for (int i = 0; i < ENGINE_N_KINDS; i++) {
        if (strcmp(f->engine, engine_names[i]) == 0) {
            return catalog_check_date(f->as_of, "as_of", pos, err);
        }
    }
    err_at(err, pos, "unknown engine '%s'", f->engine);
    err_suggest(err, f->engine, engine_names, ENGINE_N_KINDS);
    return false;
}

bool engine_flags_load(struct arena *arena, const char *const *dirs, int n_dirs,
                       struct engine_flags *flags, struct err *err)
{
    struct row_list list;
    *flags = (struct engine_flags){0};
    if (!rows_load(arena, dirs, n_dirs, &layout, &list, err)) {
        return false;
    }
    *flags = (struct engine_flags){.rows = list.rows, .n = list.n};
    for (int i = 0; i < flags->n; i++) {
        if (!check_row(&flags->rows[i], list.pos[i], err)) {
            return false;
        }
    }
    return true;
}

const struct engine_flag *engine_flag_find(const struct engine_flags *flags,
                                           enum engine_kind engine, const char *knob,
                                           const char *version)
{
    for (int i = 0; i < flags->n; i++) {
        const struct engine_flag *f = &flags->rows[i];
        if (strcmp(f->engine, engine_names[engine]) == 0 && strcmp(f->knob, knob) == 0 &&
            engine_version_reaches(version, f->since)) {
            return f;
        }
    }
    return NULL;
}

bool engine_flag_is_extra(const struct engine_flag *flag, enum engine_kind engine,
                          const char *version, const char *checkpoint, const char *weights)
{
    return strcmp(flag->knob, "extra") == 0 &&
           strcmp(flag->engine, engine_names[engine]) == 0 &&
           strncmp(checkpoint, flag->checkpoint, strlen(flag->checkpoint)) == 0 &&
           (!flag->weights[0] || strcmp(flag->weights, weights) == 0) &&
           engine_version_reaches(version, flag->since);
}
