/* SPDX-License-Identifier: GPL-3.0-or-later */
/* gpu.c - reads hardware/gpus.csv. The file has data sheet units (GiB, GB/s, TFLOPS), the
 * structs base units. Peaks are dense; where kernel constants were fitted, the peak is the one
 * of the fit, because those constants are fractions of it. Memory is what PyTorch sees, since
 * engines take their share of that. */
#include "hardware/gpu.h"

#include "hardware/catalog.h"

#define GIB 1073741824.0
#define MIB 1048576.0
#define GB 1e9
#define TERA 1e12

/* The ranges only catch slips of the unit (a bandwidth in TB/s, memory in MiB). */
static const struct row_field gpu_fields[] = {
    NAME_FIELD(struct gpu, "name", name),
    NAME_FIELD(struct gpu, "label", label),
    NAME_FIELD(struct gpu, "vendor", vendor),
    NAME_FIELD(struct gpu, "arch", arch),
    NUMBER_FIELD(struct gpu, "mem_gib", mem_bytes, GIB, 1, 2000),
    NUMBER_FIELD(struct gpu, "mem_gb_per_s", mem_bytes_per_s, GB, 50, 100000),
    NUMBER_FIELD(struct gpu, "fp32_tflops", flops_per_s[DTYPE_FP32], TERA, 1, 10000),
    NUMBER_FIELD(struct gpu, "bf16_tflops", flops_per_s[DTYPE_BF16], TERA, 1, 100000),
    NUMBER_FIELD(struct gpu, "fp8_tflops", flops_per_s[DTYPE_FP8], TERA, 0, 200000),
    NUMBER_FIELD(struct gpu, "int8_tops", flops_per_s[DTYPE_INT8], TERA, 0, 200000),
    NUMBER_FIELD(struct gpu, "nvfp4_tflops", flops_per_s[DTYPE_NVFP4], TERA, 0, 400000),
    NUMBER_FIELD(struct gpu, "mxfp4_tflops", flops_per_s[DTYPE_MXFP4], TERA, 0, 400000),
    INT_FIELD(struct gpu, "n_sm", n_sm, 1, 10000),
    NUMBER_FIELD(struct gpu, "l2_mib", l2_bytes, MIB, 1, 10000),
    NAME_FIELD(struct gpu, "link", link),
    NUMBER_FIELD(struct gpu, "link_gb_per_s", link_bytes_per_s, GB, 1, 20000),
    INT_FIELD(struct gpu, "scaleup_gpus", scaleup_gpus, 1, 10000),
    NUMBER_FIELD(struct gpu, "pcie_gb_per_s", pcie_bytes_per_s, GB, 1, 2000),
    NUMBER_FIELD(struct gpu, "tdp_w", tdp_w, 1, 10, 10000),
    NUMBER_FIELD(struct gpu, "idle_w", idle_w, 1, 1, 2000),
    TEXT_FIELD(struct gpu, "nearest", nearest),
    NAME_FIELD(struct gpu, "source", source),
    NAME_FIELD(struct gpu, "as_of", as_of),
    TEXT_FIELD(struct gpu, "estimated", estimated),
};

static const struct row_layout gpu_layout = {
    .file = "gpus.csv",
    .fields = gpu_fields,
    .n_fields = sizeof gpu_fields / sizeof gpu_fields[0],
    .row_size = sizeof(struct gpu),
};

static const struct gpu *gpu_named(const struct gpu_list *list, const char *name)
{
    for (int i = 0; i < list->n; i++) {
        if (catalog_same_name(list->items[i].name, name)) {
            return &list->items[i];
        }
    }
    return NULL;
}

/* A stand-in must exist and have data of its own: chains would hide how far the analogy is. */
static bool check_nearest(const struct gpu_list *list, const struct gpu *gpu,
                          struct src_pos pos, struct err *err)
{
    if (!gpu->nearest[0]) {
        return true;
    }
    const struct gpu *stand_in = gpu_named(list, gpu->nearest);
    if (!stand_in) {
        return err_at(err, pos, "column 'nearest' names an unknown GPU '%s'", gpu->nearest);
    }
    if (stand_in->nearest[0]) {
        return err_at(err, pos, "column 'nearest': '%s' has no data of its own", gpu->nearest);
    }
    return true;
}

bool gpu_list_load(struct arena *arena, const char *const *dirs, int n_dirs,
                   struct gpu_list *list, struct err *err)
{
    struct row_list rows;
    *list = (struct gpu_list){0};
    if (!rows_load(arena, dirs, n_dirs, &gpu_layout, &rows, err) ||
        !catalog_overlay(&rows, sizeof(struct gpu), "GPU", err)) {
        return false;
    }
    *list = (struct gpu_list){.items = rows.rows, .n = rows.n};
    for (int i = 0; i < list->n; i++) {
        const struct gpu *gpu = &list->items[i];
        if (!catalog_check_date(gpu->as_of, "as_of", rows.pos[i], err) ||
            !check_nearest(list, gpu, rows.pos[i], err)) {
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

/* Where a format computes when the GPU has no unit for it. Four-bit weights are then unpacked
 * to bf16 inside the kernel (Marlin and its kin), not to fp8: activations stay bf16. */
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
