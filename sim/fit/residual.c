/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/fit/residual.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum band_metric validate_band_metric(enum validate_metric m)
{
    switch (m) {
    case VM_TTFT_MEAN:
    case VM_TTFT_P50:
    case VM_TTFT_P90:
        return BAND_TTFT;
    case VM_TTFT_P99:
        return BAND_TTFT_TAIL;
    case VM_TPOT_MEAN:
    case VM_TPOT_P50:
    case VM_TPOT_P99:
        return BAND_TPOT;
    case VM_ITL_MEAN:
        return BAND_ITL;
    case VM_E2E_MEAN:
    case VM_E2E_P90:
        return BAND_E2E;
    case VM_E2E_P99:
        return BAND_E2E_TAIL;
    case VM_OUTPUT_TOK_S:
    case VM_N:
        break;
    }
    return BAND_OUTPUT_TOK_S;
}

bool validate_cell_suspect(const struct validate_row *row, enum validate_metric m)
{
    return row->suspect == SUSPECT_ALL ||
           (row->suspect == SUSPECT_TTFT && validate_metric_is_ttft(m));
}

bool validate_kernel_shared(const struct validate_table *table,
                            const struct validate_result *results, const struct kernel_key *key,
                            const char *family)
{
    for (int i = 0; i < table->n; i++) {
        const struct validate_result *r = &results[i];
        if (r->skip != SKIP_NONE || strcmp(r->model->family, family) == 0) {
            continue;
        }
        for (int c = 0; c < r->n_constants; c++) {
            if (r->constants[c].key == key) {
                return true;
            }
        }
    }
    return false;
}

bool residual_same_group(const struct validate_row *a, const struct validate_result *ra,
                         const struct validate_row *b, const struct validate_result *rb)
{
    return ra->model == rb->model && ra->gpu == rb->gpu && ra->weights == rb->weights &&
           strcmp(a->engine, b->engine) == 0;
}

/* Numbers the groups; -1 for rows that were not predicted. */
static int *number_groups(const struct validate_table *t, const struct validate_result *results,
                          int *n_groups)
{
    int *group = xcalloc((size_t)t->n + 1, sizeof *group);
    *n_groups = 0;
    for (int i = 0; i < t->n; i++) {
        group[i] = -1;
        if (results[i].skip != SKIP_NONE) {
            continue;
        }
        for (int j = i - 1; j >= 0 && group[i] < 0; j--) {
            if (group[j] >= 0 &&
                residual_same_group(&t->rows[i], &results[i], &t->rows[j], &results[j])) {
                group[i] = group[j];
            }
        }
        if (group[i] < 0) {
            group[i] = (*n_groups)++;
        }
    }
    return group;
}

static void add(struct residual_list *list, struct residual r, double measured,
                double predicted)
{
    if (!(measured > 0.0) || !(predicted > 0.0) || !isfinite(predicted)) {
        return;
    }
    r.measured = measured;
    r.predicted = predicted;
    r.error = predicted / measured - 1.0;
    r.log_ratio = log(measured / predicted);
    ARRAY_RESERVE(list->items, list->cap, list->n + 1);
    list->items[list->n++] = r;
}

static double composed_e2e_ms(double ttft_ms, double tpot_ms, double tokens)
{
    return ttft_ms + tpot_ms * (tokens - 1.0);
}

static void add_composed(struct residual_list *list, struct residual r,
                         const struct validate_row *row, const double *predicted)
{
    double e2e = composed_e2e_ms(row->measured[VM_TTFT_MEAN], row->measured[VM_TPOT_MEAN],
                                 row->osl_mean);
    double own =
        composed_e2e_ms(predicted[VM_TTFT_MEAN], predicted[VM_TPOT_MEAN], row->osl_mean);
    r.composed = true;
    r.band_prompt = BAND_PROMPT_ANY;
    r.suspect = row->suspect != SUSPECT_NONE;
    if (isnan(row->measured[VM_E2E_MEAN])) {
        r.metric = VM_E2E_MEAN;
        r.band_metric = BAND_E2E;
        add(list, r, e2e, own);
    }
    if (isnan(row->measured[VM_OUTPUT_TOK_S]) && row->load == VLOAD_CLOSED) {
        r.metric = VM_OUTPUT_TOK_S;
        r.band_metric = BAND_OUTPUT_TOK_S;
        add(list, r, 1.0 / e2e, 1.0 / own);
    }
}

void residuals_collect(const struct validate_table *t, const struct validate_result *results,
                       struct residual_list *list)
{
    *list = (struct residual_list){0};
    int *group = number_groups(t, results, &list->n_groups);
    for (int i = 0; i < t->n; i++) {
        const struct validate_row *row = &t->rows[i];
        if (group[i] < 0) {
            continue;
        }
        struct residual r = {
            .row = i,
            .is_moe = model_is_moe(results[i].model),
            .engine = row->engine,
            .sku = results[i].gpu->name,
            .family = results[i].model->family,
            .load = row->load,
            .band_load = results[i].band_load,
            .group = group[i],
        };
        for (int m = 0; m < VM_N; m++) {
            r.metric = (enum validate_metric)m;
            r.band_metric = validate_band_metric(r.metric);
            r.band_prompt =
                r.band_metric == BAND_TTFT ? results[i].band_prompt : BAND_PROMPT_ANY;
            r.suspect = validate_cell_suspect(row, r.metric);
            add(list, r, row->measured[m], results[i].predicted[m]);
        }
        add_composed(list, r, row, results[i].predicted);
    }
    free(group);
}

void residuals_free(struct residual_list *list)
{
    free(list->items);
    *list = (struct residual_list){0};
}

const struct residual_filter residual_any = {-1, -1, -1, NULL, NULL, NULL, -1};

static bool text_passes(const char *wanted, const char *text)
{
    return !wanted || strcmp(wanted, text) == 0;
}

bool residual_passes(const struct residual *r, const struct residual_filter *f)
{
    return !r->suspect && !r->composed && (f->metric < 0 || (int)r->metric == f->metric) &&
           (f->load < 0 || (int)r->load == f->load) &&
           (f->is_moe < 0 || r->is_moe == (f->is_moe == 1)) &&
           (f->group < 0 || r->group == f->group) && text_passes(f->engine, r->engine) &&
           text_passes(f->sku, r->sku) && text_passes(f->family, r->family);
}

void residual_stats(const struct residual_list *list, const struct residual_filter *filter,
                    struct error_stats *out)
{
    double *errors = xcalloc((size_t)list->n + 1, sizeof *errors);
    int *groups = xcalloc((size_t)list->n + 1, sizeof *groups);
    int n = 0;
    for (int i = 0; i < list->n; i++) {
        if (residual_passes(&list->items[i], filter)) {
            errors[n] = list->items[i].error;
            groups[n++] = list->items[i].group;
        }
    }
    validate_error_stats(errors, groups, n, list->n_groups, out);
    free(errors);
    free(groups);
}

const char *residual_engine(const struct residual *r)
{
    return r->engine;
}

const char *residual_sku(const struct residual *r)
{
    return r->sku;
}

const char *residual_family(const struct residual *r)
{
    return r->family;
}

int residual_labels(const struct residual_list *list, residual_label *of, const char **labels,
                    int most)
{
    int n = 0;
    for (int i = 0; i < list->n; i++) {
        const char *text = of(&list->items[i]);
        bool known = false;
        for (int j = 0; j < n && !known; j++) {
            known = strcmp(labels[j], text) == 0;
        }
        if (!known && n < most) {
            labels[n++] = text;
        }
    }
    return n;
}
