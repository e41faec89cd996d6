/* SPDX-License-Identifier: GPL-3.0-or-later */
/* gpu.c - reads hardware/gpus.csv. The file has data sheet units (GiB, GB/s, TFLOPS), the structs base
 * units. Peaks are dense; where kernel constants were fitted, the peak is the one of the fit, because
 * those constants are fractions of it. Memory is what PyTorch sees, since engines take their share
 * of that. */
#include "hardware/gpu.h"

#include "hardware/catalog.h"

#define GIB 1073741824.0
#define MIB 1048576.0
#define GB 1e9
#define TERA 1e12

/* The columns of arithmetic peaks; a format without a column has none on any GPU here. */
static const struct {
    const char *col;
    enum dtype dtype;
} peak_cols[] = {
    {"fp32_tflops", DTYPE_FP32},   {"bf16_tflops", DTYPE_BF16},   {"fp8_tflops", DTYPE_FP8},
    {"int8_tops", DTYPE_INT8},     {"nvfp4_tflops", DTYPE_NVFP4}, {"mxfp4_tflops", DTYPE_MXFP4},
};

static bool read_peaks(const struct csv_table *t, int row, struct gpu *gpu, struct err *err)
{
    for (size_t i = 0; i < sizeof peak_cols / sizeof peak_cols[0]; i++) {
        double *peak = &gpu->flops_per_s[peak_cols[i].dtype];
        if (!catalog_number(t, row, peak_cols[i].col, TERA, 0, 0, 1e18, peak, err)) {
            return false;
        }
    }
    if (gpu->flops_per_s[DTYPE_FP32] <= 0 || gpu->flops_per_s[DTYPE_BF16] <= 0) {
        return err_at(err, csv_pos(t, row),
                      "fp32_tflops and bf16_tflops must be greater than 0");
    }
    return true;
}

static bool read_texts(const struct csv_table *t, int row, struct gpu *gpu, struct err *err)
{
    return catalog_need_text(t, row, "name", &gpu->name, err) &&
           catalog_need_text(t, row, "label", &gpu->label, err) &&
           catalog_need_text(t, row, "vendor", &gpu->vendor, err) &&
           catalog_need_text(t, row, "arch", &gpu->arch, err) &&
           catalog_need_text(t, row, "link", &gpu->link, err) &&
           catalog_text(t, row, "nearest", &gpu->nearest, err) &&
           catalog_need_text(t, row, "source", &gpu->source, err) &&
           catalog_need_date(t, row, "as_of", &gpu->as_of, err) &&
           catalog_text(t, row, "estimated", &gpu->estimated, err);
}

static bool read_numbers(const struct csv_table *t, int row, struct gpu *gpu, struct err *err)
{
    return catalog_need_positive(t, row, "mem_gib", GIB, &gpu->mem_bytes, err) &&
           catalog_need_positive(t, row, "mem_gb_per_s", GB, &gpu->mem_bytes_per_s, err) &&
           catalog_need_count(t, row, "n_sm", &gpu->n_sm, err) &&
           catalog_need_positive(t, row, "l2_mib", MIB, &gpu->l2_bytes, err) &&
           catalog_need_positive(t, row, "link_gb_per_s", GB, &gpu->link_bytes_per_s, err) &&
           catalog_need_count(t, row, "scaleup_gpus", &gpu->scaleup_gpus, err) &&
           catalog_need_positive(t, row, "pcie_gb_per_s", GB, &gpu->pcie_bytes_per_s, err) &&
           catalog_need_positive(t, row, "tdp_w", 1, &gpu->tdp_w, err) &&
           catalog_need_positive(t, row, "idle_w", 1, &gpu->idle_w, err);
}

static const struct gpu *gpu_named(const struct gpu_list *list, const char *name)
{
    for (int i = 0; i < list->n; i++) {
        if (catalog_same_name(list->items[i].name, name)) {
            return &list->items[i];
        }
    }
    return NULL;
}

/* Adds the rows of one table. A name twice in one file is an error; a name of an earlier directory
 * is skipped, because the first directory wins. */
static bool add_table(const struct csv_table *t, struct gpu_list *list, struct err *err)
{
    struct gpu_list earlier = *list;
    for (int row = 0; row < t->n_rows; row++) {
        struct gpu *gpu = &list->items[list->n];
        *gpu = (struct gpu){0};
        if (!read_texts(t, row, gpu, err) || !read_numbers(t, row, gpu, err) ||
            !read_peaks(t, row, gpu, err)) {
            return false;
        }
        if (gpu_named(&earlier, gpu->name)) {
            continue;
        }
        if (gpu_named(list, gpu->name)) {
            return err_at(err, csv_pos(t, row), "GPU '%s' is listed twice", gpu->name);
        }
        list->n++;
    }
    return true;
}

/* A stand-in must exist and have data of its own: chains would hide how far the analogy is. */
static bool check_nearest(const struct csv_table *t, const struct gpu_list *list,
                          struct err *err)
{
    for (int row = 0; row < t->n_rows; row++) {
        const char *nearest = "";
        if (!catalog_text(t, row, "nearest", &nearest, err)) {
            return false;
        }
        const struct gpu *stand_in = nearest[0] ? gpu_named(list, nearest) : NULL;
        if (nearest[0] && !stand_in) {
            return err_at(err, csv_pos(t, row), "nearest names an unknown GPU '%s'", nearest);
        }
        if (stand_in && stand_in->nearest[0]) {
            return err_at(err, csv_pos(t, row), "nearest '%s' has no data of its own",
                          nearest);
        }
    }
    return true;
}

bool gpu_list_load(struct arena *arena, const char *const *dirs, int n_dirs,
                   struct gpu_list *list, struct err *err)
{
    struct catalog catalog;
    *list = (struct gpu_list){0};
    if (!catalog_open(arena, dirs, n_dirs, "hardware/gpus.csv", &catalog, err)) {
        return false;
    }
    list->items = arena_alloc(arena, (size_t)catalog.n_rows + 1, sizeof *list->items);
    for (int i = 0; i < catalog.n_tables; i++) {
        if (!add_table(&catalog.tables[i], list, err)) {
            return false;
        }
    }
    for (int i = 0; i < catalog.n_tables; i++) {
        if (!check_nearest(&catalog.tables[i], list, err)) {
            return false;
        }
    }
    return true;
}

const struct gpu *gpu_find(const struct gpu_list *list, const char *name, struct err *err)
{
    const struct gpu *gpu = gpu_named(list, name);
    if (gpu) {
        return gpu;
    }
    const char *names[256];
    int n = list->n < 256 ? list->n : 256;
    for (int i = 0; i < n; i++) {
        names[i] = list->items[i].name;
    }
    catalog_find("GPU", name, names, n, err);
    return NULL;
}

/* Where a format computes when the GPU has no unit for it. Four-bit weights are then unpacked to
 * bf16 inside the kernel (Marlin and its kin), not to fp8: activations stay bf16. */
static enum dtype wider(enum dtype dtype)
{
    switch (dtype) {
    case DTYPE_FP8:
    case DTYPE_INT8:
    case DTYPE_NVFP4:
    case DTYPE_MXFP4:
    case DTYPE_INT4:
    case DTYPE_AUTO:
        return DTYPE_BF16;
    case DTYPE_BF16:
    case DTYPE_FP32:
    case DTYPE_COUNT:
        break;
    }
    return DTYPE_FP32;
}

double gpu_flops(const struct gpu *gpu, enum dtype dtype)
{
    ASSERT(dtype < DTYPE_COUNT);
    while (gpu->flops_per_s[dtype] <= 0 && dtype != DTYPE_FP32) {
        dtype = wider(dtype);
    }
    return gpu->flops_per_s[dtype];
}
