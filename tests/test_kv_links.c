/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_kv_links.c - hardware/kv_links.csv: rates for every GPU, and what is refused. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "hardware/kv_links.h"
#include "tests/check.h"

static void every_gpu_has_links_below_its_memory(void)
{
    static const char *const dirs[] = {"."};
    struct arena *arena = arena_new();
    struct gpu_list gpus;
    struct kv_link_table table;
    struct err err = {0};
    CU_ASSERT_TRUE_FATAL(gpu_list_load(arena, dirs, 1, &gpus, &err));
    CU_ASSERT_TRUE_FATAL(kv_links_load(arena, dirs, 1, &table, &err));
    for (int i = 0; i < gpus.n; i++) {
        const struct gpu *g = &gpus.items[i];
        double host = kv_link_bytes_per_s(kv_link_find(&table, "host", g), g);
        double ssd = kv_link_bytes_per_s(kv_link_find(&table, "ssd", g), g);
        bool coherent = strncmp(g->name, "g", 1) == 0 && strstr(g->name, "00");
        CU_ASSERT_TRUE(ssd < host && host < g->mem_bytes_per_s);
        CU_ASSERT_EQUAL(host > g->pcie_bytes_per_s, coherent); /* NVLink-C2C */
    }
    const struct gpu *h100 = gpu_find(&gpus, "h100-sxm", &err);
    CHECK_NEAR(kv_link_bytes_per_s(kv_link_find(&table, "host", h100), h100), 55.44e9, 1e-9);
    arena_free(arena);
}

static bool loads(const char *rows)
{
    char path[600];
    const char *dir = check_tmp(0, "");
    mkdir(dir, 0700);
    snprintf(path, sizeof path, "%s/hardware", dir);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/hardware/kv_links.csv", dir);
    FILE *f = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fprintf(f, "tier,gpu,gb_per_s,pcie_frac,latency_us,estimated,source,as_of\n%s", rows);
    fclose(f);
    struct arena *arena = arena_new();
    struct kv_link_table table;
    struct err err = {0};
    bool ok = kv_links_load(arena, &dir, 1, &table, &err);
    arena_free(arena);
    return ok;
}

static void rows_without_a_rate_and_missing_tiers_are_refused(void)
{
    CU_ASSERT_TRUE(loads("host,*,,0.9,1,,s,d\nssd,*,6,,1,,s,d\n"));
    CU_ASSERT_FALSE(loads("host,*,,0.9,1,,s,d\n"));
    CU_ASSERT_FALSE(loads("host,*,,0.9,1,,s,d\nssd,l4,6,,1,,s,d\n"));
    CU_ASSERT_FALSE(loads("host,*,,,1,,s,d\nssd,*,6,,1,,s,d\n"));
    CU_ASSERT_FALSE(loads("host,*,50,0.9,1,,s,d\nssd,*,6,,1,,s,d\n"));
}

int main(void)
{
    const struct check_case cases[] = {
        {"every GPU has links below its memory", every_gpu_has_links_below_its_memory},
        {"rows without a rate and missing tiers are refused",
         rows_without_a_rate_and_missing_tiers_are_refused},
    };
    return check_main("kv_links", cases, sizeof cases / sizeof cases[0]);
}
