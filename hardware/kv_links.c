/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hardware/kv_links.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "hardware/rows.h"

static const struct row_field fields[] = {
    {"tier", ROW_NAME, offsetof(struct kv_link, tier), 0, 0, 0},
    {"gpu", ROW_NAME, offsetof(struct kv_link, gpu), 0, 0, 0},
    {"gb_per_s", ROW_MAYBE, offsetof(struct kv_link, bytes_per_s), 1e9, 0.01, 1e5},
    {"pcie_frac", ROW_MAYBE, offsetof(struct kv_link, pcie_frac), 1, 0.01, 1},
    {"latency_us", ROW_NUMBER, offsetof(struct kv_link, latency_s), 1e-6, 0, 1e7},
    {"estimated", ROW_TEXT, offsetof(struct kv_link, estimated), 0, 0, 0},
    {"source", ROW_NAME, offsetof(struct kv_link, source), 0, 0, 0},
    {"as_of", ROW_NAME, offsetof(struct kv_link, as_of), 0, 0, 0},
};

static const struct kv_link *find(const struct kv_link_table *table, const char *tier,
                                  const char *gpu)
{
    for (int i = 0; i < table->n; i++) {
        const struct kv_link *l = &table->rows[i];
        if (strcmp(l->tier, tier) == 0 && strcmp(l->gpu, gpu) == 0) {
            return l;
        }
    }
    return NULL;
}

bool kv_links_load(struct arena *arena, const char *const *dirs, int n_dirs,
                   struct kv_link_table *table, struct err *err)
{
    const struct row_layout layout = {
        "kv_links.csv", fields, (int)(sizeof fields / sizeof *fields), sizeof(struct kv_link)};
    struct row_list list;
    if (!rows_load(arena, dirs, n_dirs, &layout, &list, err)) {
        return false;
    }
    *table = (struct kv_link_table){list.rows, list.n};
    for (int i = 0; i < list.n; i++) {
        if (isnan(table->rows[i].bytes_per_s) == isnan(table->rows[i].pcie_frac)) {
            return err_at(err, list.pos[i], "a row has gb_per_s or pcie_frac");
        }
    }
    if (!find(table, "host", "*") || !find(table, "ssd", "*")) {
        return err_set(err, ERR_INPUT, "kv_links.csv: host and ssd need a row for any GPU (*)");
    }
    return true;
}

const struct kv_link *kv_link_find(const struct kv_link_table *table, const char *tier,
                                   const struct gpu *gpu)
{
    const struct kv_link *own = find(table, tier, gpu->name);
    return own ? own : find(table, tier, "*");
}

double kv_link_bytes_per_s(const struct kv_link *link, const struct gpu *gpu)
{
    return isnan(link->bytes_per_s) ? link->pcie_frac * gpu->pcie_bytes_per_s
                                    : link->bytes_per_s;
}
