/* SPDX-License-Identifier: GPL-3.0-or-later */
/* param.c - reads hardware/tco.csv and hardware/reliability.csv. */
#include "hardware/param.h"

#include <math.h>
#include <string.h>

#include "hardware/catalog.h"

struct param_row {
    struct param param;
    double estimated;
};

static const struct row_field param_fields[] = {
    NAME_FIELD(struct param_row, "category", param.category),
    NAME_FIELD(struct param_row, "param", param.name),
    NUMBER_FIELD(struct param_row, "value", param.value, 1, -1, 1e15),
    MAYBE_FIELD(struct param_row, "low", param.low, 1, -1, 1e15),
    MAYBE_FIELD(struct param_row, "high", param.high, 1, -1, 1e15),
    NAME_FIELD(struct param_row, "unit", param.unit),
    TEXT_FIELD(struct param_row, "context", param.context),
    NAME_FIELD(struct param_row, "source", param.source),
    NAME_FIELD(struct param_row, "as_of", param.as_of),
    FLAG_FIELD(struct param_row, "estimated", estimated),
};

static bool check_param(const struct param *param, struct src_pos pos, struct err *err)
{
    if (isnan(param->low) != isnan(param->high) || param->low > param->value ||
        param->high < param->value) {
        return err_at(err, pos, "low and high must enclose the value, or both be empty");
    }
    return catalog_check_date(param->as_of, "as_of", pos, err);
}

bool param_list_load(struct arena *arena, const char *const *dirs, int n_dirs, const char *file,
                     struct param_list *list, struct err *err)
{
    struct row_layout layout = {
        .file = file,
        .fields = param_fields,
        .n_fields = sizeof param_fields / sizeof param_fields[0],
        .row_size = sizeof(struct param_row),
    };
    struct row_list rows;
    *list = (struct param_list){0};
    if (!rows_load(arena, dirs, n_dirs, &layout, &rows, err)) {
        return false;
    }
    const struct param_row *row = rows.rows;
    list->items = arena_alloc(arena, (size_t)rows.n + 1, sizeof *list->items);
    for (int i = 0; i < rows.n; i++) {
        list->items[i] = row[i].param;
        list->items[i].estimated = row[i].estimated > 0;
        if (!check_param(&list->items[i], rows.pos[i], err)) {
            return false;
        }
    }
    list->n = rows.n;
    return true;
}

/* 2: exactly this context or any is good, 1: begins with it, 0: another one. */
static int context_fit(const char *context, const char *wanted)
{
    if (!wanted || strcmp(context, wanted) == 0) {
        return 2;
    }
    return strncmp(context, wanted, strlen(wanted)) == 0;
}

const struct param *param_find(const struct param_list *list, const char *category,
                               const char *name, const char *context)
{
    const struct param *best = NULL;
    int best_fit = 0;
    for (int i = 0; i < list->n; i++) {
        const struct param *p = &list->items[i];
        int fit = context_fit(p->context, context);
        if (fit == 0 || strcmp(p->category, category) != 0 || strcmp(p->name, name) != 0) {
            continue;
        }
        if (fit > best_fit || (fit == best_fit && strcmp(p->as_of, best->as_of) > 0)) {
            best = p;
            best_fit = fit;
        }
    }
    return best;
}
