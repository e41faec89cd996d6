/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bands.c - reads bands.csv and evidence.csv. Look-ups are linear over some hundred rows and
 * run once per deployment and measure. */
#include "hardware/bands.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "hardware/catalog.h"

const char *const band_metric_names[] = {"ttft",         "tpot",      "itl",     "e2e",
                                         "output_tok_s", "ttft-tail", "e2e-tail"};
const char *const band_load_names[] = {"closed-low", "closed-high", "open", "offline"};
const char *const band_prompt_names[] = {"", "short", "long", "waves"};
const char *const band_scope_names[] = {"seen", "new-model", "new-sku", "new"};
const char *const evidence_names[] = {"none", "same SKU only", "same family", "measured"};

static const double MOST = 1e6; /* rows of a table, and how far off a prediction may be */

static const struct row_field band_fields[] = {
    NAME_FIELD(struct band_row, "metric", metric),
    NAME_FIELD(struct band_row, "scope", scope),
    TEXT_FIELD(struct band_row, "kind", kind),
    TEXT_FIELD(struct band_row, "engine", engine),
    TEXT_FIELD(struct band_row, "load", load),
    TEXT_FIELD(struct band_row, "prompt", prompt),
    TEXT_FIELD(struct band_row, "sku", sku),
    INT_FIELD(struct band_row, "n", n, 1, MOST),
    INT_FIELD(struct band_row, "n_groups", n_groups, 1, MOST),
    NUMBER_FIELD(struct band_row, "lo_ratio", band.lo, 1, 1e-6, 1),
    NUMBER_FIELD(struct band_row, "hi_ratio", band.hi, 1, 1, MOST),
    NAME_FIELD(struct band_row, "source", source),
    NAME_FIELD(struct band_row, "as_of", as_of),
};

static const struct row_field evidence_fields[] = {
    NAME_FIELD(struct evidence_row, "shape", shape),
    NAME_FIELD(struct evidence_row, "family", family),
    NAME_FIELD(struct evidence_row, "kind", kind),
    NAME_FIELD(struct evidence_row, "sku", sku),
    NAME_FIELD(struct evidence_row, "engine", engine),
    NAME_FIELD(struct evidence_row, "dtype", dtype),
    INT_FIELD(struct evidence_row, "n", n, 1, MOST),
    NAME_FIELD(struct evidence_row, "source", source),
    NAME_FIELD(struct evidence_row, "as_of", as_of),
};

static bool exists(struct arena *arena, const char *const *dirs, int n_dirs, const char *file)
{
    for (int i = 0; i < n_dirs; i++) {
        if (access(arena_printf(arena, "%s/hardware/%s", dirs[i], file), F_OK) == 0) {
            return true;
        }
    }
    return false;
}

static bool load(struct arena *arena, const char *const *dirs, int n_dirs,
                 const struct row_layout *layout, void **rows, int *n, struct err *err)
{
    struct row_list list;
    if (!exists(arena, dirs, n_dirs, layout->file)) {
        return true;
    }
    if (!rows_load(arena, dirs, n_dirs, layout, &list, err)) {
        return false;
    }
    *rows = list.rows;
    *n = list.n;
    return true;
}

bool band_table_load(struct arena *arena, const char *const *dirs, int n_dirs,
                     struct band_table *table, struct err *err)
{
    const struct row_layout bands = {"bands.csv", band_fields,
                                     sizeof band_fields / sizeof band_fields[0],
                                     sizeof(struct band_row)};
    const struct row_layout evidence = {"evidence.csv", evidence_fields,
                                        sizeof evidence_fields / sizeof evidence_fields[0],
                                        sizeof(struct evidence_row)};
    void *rows = NULL;
    void *measured = NULL;
    *table = (struct band_table){0};
    bool ok = load(arena, dirs, n_dirs, &bands, &rows, &table->n_rows, err) &&
              load(arena, dirs, n_dirs, &evidence, &measured, &table->n_evidence, err);
    table->rows = rows;
    table->evidence = measured;
    return ok;
}

/* Cells that name what is asked for, or -1 when one names something else. */
static int fit(const struct band_row *row, const struct band_key *key)
{
    const char *const pairs[][2] = {
        {row->kind, key->is_moe ? "moe" : "dense"},
        {row->engine, key->engine},
        {row->load, band_load_names[key->load]},
        {row->prompt, band_prompt_names[key->prompt]},
        {row->sku, key->sku},
    };
    int n = 0;
    if (strcmp(row->metric, band_metric_names[key->metric]) != 0 ||
        strcmp(row->scope, band_scope_names[key->scope]) != 0) {
        return -1;
    }
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        if (pairs[i][0][0] && strcmp(pairs[i][0], pairs[i][1]) != 0) {
            return -1;
        }
        n += pairs[i][0][0] != '\0';
    }
    return n;
}

bool band_find(const struct band_table *table, const struct band_key *key, struct band *out)
{
    int best = -1;
    for (int i = 0; i < table->n_rows; i++) {
        int n = fit(&table->rows[i], key);
        if (n > best) {
            best = n;
            *out = table->rows[i].band;
        }
    }
    return best >= 0;
}

static enum evidence grade_of(const struct evidence_row *row, const struct evidence_key *key)
{
    if (strcmp(row->sku, key->sku) != 0) {
        return EVIDENCE_NONE;
    }
    if (strcmp(row->engine, key->engine) != 0) {
        return EVIDENCE_SKU;
    }
    if (strcmp(row->shape, key->shape) == 0 && strcmp(row->dtype, key->dtype) == 0) {
        return EVIDENCE_MEASURED;
    }
    bool kin = strcmp(row->family, key->family) == 0 ||
               strcmp(row->kind, key->is_moe ? "moe" : "dense") == 0;
    return kin ? EVIDENCE_FAMILY : EVIDENCE_SKU;
}

enum evidence evidence_grade(const struct band_table *table, const struct evidence_key *key)
{
    enum evidence best = EVIDENCE_NONE;
    for (int i = 0; i < table->n_evidence; i++) {
        enum evidence grade = grade_of(&table->evidence[i], key);
        best = grade > best ? grade : best;
    }
    return best;
}

enum band_scope evidence_scope(const struct band_table *table, const struct evidence_key *key)
{
    bool sku = false;
    bool model = false;
    for (int i = 0; i < table->n_evidence; i++) {
        const struct evidence_row *row = &table->evidence[i];
        sku = sku || strcmp(row->sku, key->sku) == 0;
        model = model || strcmp(row->shape, key->shape) == 0;
    }
    if (sku) {
        return model ? SCOPE_SEEN : SCOPE_NEW_MODEL;
    }
    return model ? SCOPE_NEW_SKU : SCOPE_NEW;
}
