/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_fabric.c - links, measured collectives, their look-up and the physical floor under them.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "hardware/fabric.h"
#include "tests/check.h"

static const char *const source_tree[] = {"."};
static const char *const operations[] = {"all_reduce", "all_gather", "reduce_scatter",
                                         "all_to_all"};
static const double KIB = 1024.0, MIB = 1048576.0;

struct fixture {
    struct arena *arena;
    struct fabric fabric;
    struct gpu_list gpus;
};

static struct fixture fixture_new(void)
{
    struct fixture f = {.arena = arena_new()};
    struct err err = {0};
    CU_ASSERT_FATAL(fabric_load(f.arena, source_tree, 1, &f.fabric, &err));
    CU_ASSERT_FATAL(gpu_list_load(f.arena, source_tree, 1, &f.gpus, &err));
    return f;
}

static const struct gpu *gpu_named(const struct fixture *f, const char *name)
{
    const struct gpu *gpu = gpu_find(&f->gpus, name, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(gpu);
    return gpu;
}

static double time_s(const struct fixture *f, const char *gpu, const char *engine,
                     const char *operation, int n, double bytes)
{
    return collective_time_s(&f->fabric, &f->gpus, gpu_named(f, gpu), engine, operation, n,
                             bytes);
}

static const struct collective_curve *curve(const struct fixture *f, const char *gpu,
                                            const char *engine, const char *operation, int n,
                                            enum kernel_match *match)
{
    return collective_find(&f->fabric, &f->gpus, gpu_named(f, gpu), engine, operation, n,
                           match);
}

/* ---- measured values ---- */

/* cost-model.md 4.1, CUDA-graph latencies in us. A decode step of a 70B model at batch 64
 * reduces 2 * 64 * 8192 bytes = 1 MiB: 15 us on 8 H100. */
static void all_reduce_times_are_the_measured_ones(void)
{
    struct fixture f = fixture_new();
    CHECK_NEAR(time_s(&f, "h100-sxm", "vllm", "all_reduce", 8, 1 * MIB), 15.0e-6, 0.02);
    CHECK_NEAR(time_s(&f, "h100-sxm", "vllm", "all_reduce", 8, 64 * KIB), 6.4e-6, 0.02);
    CHECK_NEAR(time_s(&f, "h100-sxm", "vllm", "all_reduce", 2, 4 * MIB), 20e-6, 0.05);
    CHECK_NEAR(time_s(&f, "h100-sxm", "trtllm", "all_reduce", 8, 1 * MIB), 26e-6, 0.02);
    CHECK_NEAR(time_s(&f, "a100-sxm-80gb", "vllm", "all_reduce", 8, 1 * MIB), 22e-6, 0.03);
    CHECK_NEAR(time_s(&f, "b200", "vllm", "all_reduce", 8, 4 * MIB), 26e-6, 0.03);
    arena_free(f.arena);
}

/* Bus bandwidth at 512 MiB: 20, 5.2 and 1.5 GB/s for 2, 4 and 8 GPUs behind host bridges. */
static void l40s_all_reduce_collapses_over_pcie(void)
{
    struct fixture f = fixture_new();
    static const struct {
        int n;
        double bus_gb_per_s;
    } rows[] = {{2, 20}, {4, 5.2}, {8, 1.45}};
    for (int i = 0; i < 3; i++) {
        double bytes = 512 * MIB;
        const struct collective_curve *c = NULL;
        for (int k = 0; k < f.fabric.n_curves; k++) {
            const struct collective_curve *at = &f.fabric.curves[k];
            if (strcmp(at->key.sku, "l40s") == 0 && strcmp(at->key.kernel, "nccl") == 0 &&
                strcmp(at->operation, "all_reduce") == 0 && at->n_gpus == rows[i].n) {
                c = at;
            }
        }
        CU_ASSERT_PTR_NOT_NULL_FATAL(c);
        double bus = collective_wire_bytes("all_reduce", rows[i].n, bytes) /
                     collective_curve_time_s(c, bytes);
        CHECK_NEAR(bus, rows[i].bus_gb_per_s * 1e9, 0.05);
    }
    CU_ASSERT_TRUE(time_s(&f, "l40s", "vllm", "all_reduce", 8, MIB) >
                   20 * time_s(&f, "h100-sxm", "vllm", "all_reduce", 8, MIB));
    arena_free(f.arena);
}

static void algorithm_switch_artefact_of_b200_is_smoothed(void)
{
    struct fixture f = fixture_new();
    /* the table says 26 us at 256 KiB and 17 us at 1 MiB */
    CU_ASSERT_TRUE(time_s(&f, "b200", "vllm", "all_reduce", 8, 256 * KIB) <= 17.5e-6);
    arena_free(f.arena);
}

/* ---- shape ---- */

static void curve_interpolates_in_logs_and_extends_outside(void)
{
    static const double bytes[] = {1024, 4096, 1048576}, times[] = {5e-6, 20e-6, 80e-6};
    struct collective_curve c = {.n_points = 3, .bytes = bytes, .time_s = times};
    CHECK_NEAR(collective_curve_time_s(&c, 1), 5e-6, 1e-12);
    CHECK_NEAR(collective_curve_time_s(&c, 1024), 5e-6, 1e-12);
    CHECK_NEAR(collective_curve_time_s(&c, 2048), 10e-6, 1e-12); /* halfway in both logs */
    CHECK_NEAR(collective_curve_time_s(&c, 4096), 20e-6, 1e-12);
    CHECK_NEAR(collective_curve_time_s(&c, 65536), 40e-6, 1e-12);
    CHECK_NEAR(collective_curve_time_s(&c, 2097152), 160e-6, 1e-12);
}

static void times_never_fall_with_bytes_nor_beat_the_floor(void)
{
    static const char *const engines[] = {"vllm", "sglang", "trtllm"};
    static const int sizes[] = {2, 3, 4, 8, 16, 72};
    struct fixture f = fixture_new();
    for (int i = 0; i < f.gpus.n * 3 * 4 * 6; i++) {
        const struct gpu *gpu = &f.gpus.items[i % f.gpus.n];
        int rest = i / f.gpus.n;
        const char *engine = engines[rest % 3];
        const char *op = operations[rest / 3 % 4];
        int n = sizes[rest / 12];
        double before = 0.0;
        for (double bytes = 100; bytes < 5e9; bytes *= 1.7) {
            double t = collective_time_s(&f.fabric, &f.gpus, gpu, engine, op, n, bytes);
            CU_ASSERT_TRUE_FATAL(isfinite(t) && t > 1e-6);
            CU_ASSERT_TRUE_FATAL(t >= before);
            CU_ASSERT_TRUE_FATAL(t >= collective_floor_s(gpu, op, n, bytes));
            before = t;
        }
    }
    arena_free(f.arena);
}

static void one_gpu_or_no_bytes_costs_nothing(void)
{
    struct fixture f = fixture_new();
    CU_ASSERT_EQUAL(time_s(&f, "h100-sxm", "vllm", "all_reduce", 1, MIB), 0.0);
    CU_ASSERT_EQUAL(time_s(&f, "h100-sxm", "vllm", "all_reduce", 8, 0.0), 0.0);
    arena_free(f.arena);
}

static void wire_bytes_follow_the_ring(void)
{
    CHECK_NEAR(collective_wire_bytes("all_reduce", 8, 800.0), 1400.0, 1e-12);
    CHECK_NEAR(collective_wire_bytes("all_gather", 8, 800.0), 700.0, 1e-12);
    CHECK_NEAR(collective_wire_bytes("reduce_scatter", 4, 800.0), 600.0, 1e-12);
    CHECK_NEAR(collective_wire_bytes("all_to_all", 2, 800.0), 400.0, 1e-12);
    CU_ASSERT_EQUAL(collective_wire_bytes("all_reduce", 1, 800.0), 0.0);
}

static void in_network_reduction_moves_the_payload_once(void)
{
    struct fixture f = fixture_new();
    CHECK_NEAR(collective_floor_s(gpu_named(&f, "h100-sxm"), "all_reduce", 8, 450e9), 1.0,
               1e-12);
    CHECK_NEAR(collective_floor_s(gpu_named(&f, "a100-sxm-80gb"), "all_reduce", 8, 300e9), 1.75,
               1e-12);
    arena_free(f.arena);
}

/* ---- look-up ---- */

static void own_kernel_is_preferred_then_another_engines_then_nccl(void)
{
    struct fixture f = fixture_new();
    enum kernel_match match = MATCH_SKU;
    const struct collective_curve *c = curve(&f, "h100-sxm", "sglang", "all_reduce", 8, &match);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_STRING_EQUAL(c->key.engine, "sglang");
    CU_ASSERT_STRING_EQUAL(c->key.kernel, "custom");
    CU_ASSERT_EQUAL(match, MATCH_EXACT);
    c = curve(&f, "h100-sxm", "static", "all_reduce", 8, &match);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_STRING_EQUAL(c->key.kernel, "custom");
    CU_ASSERT_EQUAL(match, MATCH_ENGINE);
    c = curve(&f, "h100-sxm", "vllm", "all_gather", 8, &match);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_STRING_EQUAL(c->key.kernel, "nccl");
    CU_ASSERT_EQUAL(match, MATCH_EXACT);
    arena_free(f.arena);
}

static void neighbour_stands_in_only_over_the_same_link(void)
{
    struct fixture f = fixture_new();
    enum kernel_match match = MATCH_EXACT;
    const struct collective_curve *c =
        curve(&f, "a100-sxm-40gb", "vllm", "all_reduce", 8, &match);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_STRING_EQUAL(c->key.sku, "a100-sxm-80gb");
    CU_ASSERT_EQUAL(match, MATCH_SKU);
    c = curve(&f, "h100-pcie", "vllm", "all_reduce", 8, &match); /* nearest is NVLink */
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_STRING_EQUAL(c->key.sku, "rtx-pro-6000");
    CU_ASSERT_PTR_NULL(curve(&f, "mi300x", "vllm", "all_reduce", 8, &match));
    CU_ASSERT_PTR_NULL(
        curve(&f, "h800", "vllm", "all_reduce", 8, &match)); /* NVLink cut down */
    arena_free(f.arena);
}

static void unmeasured_group_takes_the_next_larger_one(void)
{
    struct fixture f = fixture_new();
    enum kernel_match match = MATCH_EXACT;
    const struct collective_curve *c = curve(&f, "h100-sxm", "vllm", "all_reduce", 3, &match);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_EQUAL(c->n_gpus, 4);
    CU_ASSERT_PTR_NULL(curve(&f, "gb200", "vllm", "all_reduce", 72, &match));
    c = curve(&f, "gb200", "vllm", "all_reduce", 8,
              &match); /* measured on 4; B200 has the link */
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_STRING_EQUAL(c->key.sku, "b200");
    arena_free(f.arena);
}

/* xGMI, full mesh of 7 x 64 GB/s: all-reduce bus bandwidth 313 GB/s over 8, 48 over a pair. */
static void full_mesh_pair_has_one_link_only(void)
{
    struct fixture f = fixture_new();
    double bytes = 4096 * MIB;
    double pair = collective_wire_bytes("all_reduce", 2, bytes) /
                  time_s(&f, "mi300x", "vllm", "all_reduce", 2, bytes);
    double eight = collective_wire_bytes("all_reduce", 8, bytes) /
                   time_s(&f, "mi300x", "vllm", "all_reduce", 8, bytes);
    CHECK_NEAR(pair, 47.7e9, 0.1);
    CHECK_NEAR(eight, 312.9e9, 0.05);
    arena_free(f.arena);
}

/* ---- catalogue ---- */

static void every_link_and_curve_names_its_source(void)
{
    struct fixture f = fixture_new();
    CU_ASSERT_TRUE(f.fabric.n_links >= 20 && f.fabric.n_curves >= 150);
    for (int i = 0; i < f.fabric.n_links; i++) {
        CU_ASSERT_TRUE(strlen(f.fabric.links[i].source) > 10);
        CU_ASSERT_EQUAL(strlen(f.fabric.links[i].as_of), 10);
    }
    for (int i = 0; i < f.fabric.n_curves; i++) {
        CU_ASSERT_TRUE(strlen(f.fabric.curves[i].key.source) > 20);
        CU_ASSERT_TRUE(f.fabric.curves[i].n_points >= 10);
        CU_ASSERT_PTR_NOT_NULL(gpu_find(&f.gpus, f.fabric.curves[i].key.sku, NULL));
    }
    arena_free(f.arena);
}

static void every_gpu_names_a_known_scale_up_link(void)
{
    struct fixture f = fixture_new();
    for (int i = 0; i < f.gpus.n; i++) {
        const struct gpu *gpu = &f.gpus.items[i];
        const struct link_spec *link =
            gpu->link[0] ? link_find(&f.fabric, gpu->link, NULL) : NULL;
        CU_ASSERT_PTR_NOT_NULL_FATAL(link);
        CU_ASSERT_FALSE(link->is_scaleout);
    }
    arena_free(f.arena);
}

static void unknown_link_is_an_error_with_a_suggestion(void)
{
    struct fixture f = fixture_new();
    struct err err = {0};
    CU_ASSERT_PTR_NULL(link_find(&f.fabric, "ib-ndr-400", &err));
    CU_ASSERT_EQUAL(err.code, ERR_INPUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "ib-ndr-400g"));
    const struct link_spec *ndr = link_find(&f.fabric, "ib-ndr-400g", &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(ndr);
    CHECK_NEAR(ndr->bytes_per_s, 50e9, 1e-12);
    CU_ASSERT_TRUE(ndr->is_scaleout);
    arena_free(f.arena);
}

/* ---- expert parallelism ---- */

static const struct alltoall_consts *alltoall(const struct fixture *f, const char *gpu,
                                              const char *kernel, int n_nodes)
{
    const struct alltoall_consts *c =
        alltoall_find(&f->fabric, &f->gpus, gpu_named(f, gpu), kernel, n_nodes, 8, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    return c;
}

static void payload_copies_follow_the_kernel(void)
{
    struct fixture f = fixture_new();
    CHECK_NEAR(alltoall_copies(alltoall(&f, "h100-sxm", "deepep-ll", 2), 8), 4.0, 1e-12);
    CHECK_NEAR(alltoall_copies(alltoall(&f, "h100-sxm", "deepep-ll", 1), 8), 7.0, 1e-12);
    /* 1 remote node, hit unless all 8 experts are at home: 1 - 2^-8 */
    CHECK_NEAR(alltoall_copies(alltoall(&f, "h100-sxm", "deepep-normal", 2), 8), 0.99609375,
               1e-12);
    arena_free(f.arena);
}

/* Measured on 8 GPUs a node, 128 tokens each, hidden 7168, top-8 of 256, fp8 dispatch, bf16
 * combine: us of dispatch and combine over 1, 2, 4, 8 nodes. */
static void deepep_low_latency_is_within_8_percent_of_the_measurements(void)
{
    static const struct {
        int nodes;
        double dispatch_s, combine_s;
    } rows[] = {
        {1, 36.7e-6, 67.0e-6}, {2, 102e-6, 186e-6}, {4, 143e-6, 263e-6}, {8, 167e-6, 305e-6}};
    struct fixture f = fixture_new();
    for (int i = 0; i < 4; i++) {
        const struct alltoall_consts *c = alltoall(&f, "h100-sxm", "deepep-ll", rows[i].nodes);
        CU_ASSERT_EQUAL(c->n_nodes, rows[i].nodes);
        double fp8 = 7168 * (1 + 4.0 / 128) + 16;
        CHECK_NEAR(alltoall_time_s(c, false, 128, fp8, 8), rows[i].dispatch_s, 0.08);
        CHECK_NEAR(alltoall_time_s(c, true, 128, 2 * 7168, 8), rows[i].combine_s, 0.08);
    }
    arena_free(f.arena);
}

/* 4096 tokens: dispatch 491 us, combine 973 us in one node; 893 and 2150 us over two. */
static void deepep_normal_is_within_10_percent_of_the_measurements(void)
{
    struct fixture f = fixture_new();
    double fp8 = 7168 * (1 + 4.0 / 128) + 16;
    const struct alltoall_consts *one = alltoall(&f, "h100-sxm", "deepep-normal", 1);
    CHECK_NEAR(alltoall_time_s(one, false, 4096, fp8, 8), 491e-6, 0.1);
    CHECK_NEAR(alltoall_time_s(one, true, 4096, 14336, 8), 973e-6, 0.1);
    const struct alltoall_consts *two = alltoall(&f, "h100-sxm", "deepep-normal", 2);
    CHECK_NEAR(alltoall_time_s(two, false, 4096, fp8, 8), 893e-6, 0.1);
    CHECK_NEAR(alltoall_time_s(two, true, 4096, 14336, 8), 2150e-6, 0.1);
    arena_free(f.arena);
}

static void alltoall_falls_back_to_a_neighbour_and_the_nearest_group(void)
{
    struct fixture f = fixture_new();
    enum kernel_match match = MATCH_EXACT;
    const struct alltoall_consts *c =
        alltoall_find(&f.fabric, &f.gpus, gpu_named(&f, "b200"), "deepep-ll", 16, 8, &match);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_EQUAL(match, MATCH_SKU);
    CU_ASSERT_EQUAL(c->n_nodes, 8);
    c = alltoall_find(&f.fabric, &f.gpus, gpu_named(&f, "gb200"), "nvlink-two-sided", 1, 32,
                      &match);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_EQUAL(c->gpus_per_node, 32);
    CU_ASSERT_EQUAL(match, MATCH_EXACT);
    CU_ASSERT_PTR_NULL(
        alltoall_find(&f.fabric, &f.gpus, gpu_named(&f, "l40s"), "deepep-ll", 1, 8, &match));
    arena_free(f.arena);
}

/* ---- files of the user ---- */

static void unknown_operation_in_a_file_is_an_error_with_its_line(void)
{
    struct arena *arena = arena_new();
    char path[256];
    const char *dir = check_tmp(0, "-data");
    mkdir(dir, 0777);
    snprintf(path, sizeof path, "%s/hardware", dir);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/hardware/collectives", dir);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/hardware/collectives/nccl.csv", dir);
    FILE *out = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    fputs("sku,engine,version,kernel,operation,n_gpus,bytes,time_us,source,as_of\n"
          "h100-sxm,any,1,nccl,all_reduze,8,1024,5,mine,2026-01-01\n",
          out);
    fclose(out);
    const char *dirs[] = {dir, "."};
    struct fabric fabric;
    struct err err = {0};
    CU_ASSERT_FALSE(fabric_load(arena, dirs, 2, &fabric, &err));
    CU_ASSERT_EQUAL(err.line, 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "all_reduce"));
    remove(path);
    arena_free(arena);
}

#define CASE(fn)                                                                               \
    {                                                                                          \
#fn, fn                                                                                \
    }
int main(void)
{
    static const struct check_case cases[] = {
        CASE(all_reduce_times_are_the_measured_ones),
        CASE(l40s_all_reduce_collapses_over_pcie),
        CASE(algorithm_switch_artefact_of_b200_is_smoothed),
        CASE(curve_interpolates_in_logs_and_extends_outside),
        CASE(times_never_fall_with_bytes_nor_beat_the_floor),
        CASE(one_gpu_or_no_bytes_costs_nothing),
        CASE(wire_bytes_follow_the_ring),
        CASE(in_network_reduction_moves_the_payload_once),
        CASE(own_kernel_is_preferred_then_another_engines_then_nccl),
        CASE(neighbour_stands_in_only_over_the_same_link),
        CASE(unmeasured_group_takes_the_next_larger_one),
        CASE(full_mesh_pair_has_one_link_only),
        CASE(every_link_and_curve_names_its_source),
        CASE(every_gpu_names_a_known_scale_up_link),
        CASE(unknown_link_is_an_error_with_a_suggestion),
        CASE(payload_copies_follow_the_kernel),
        CASE(deepep_low_latency_is_within_8_percent_of_the_measurements),
        CASE(deepep_normal_is_within_10_percent_of_the_measurements),
        CASE(alltoall_falls_back_to_a_neighbour_and_the_nearest_group),
        CASE(unknown_operation_in_a_file_is_an_error_with_its_line),
    };
    return check_main("fabric", cases, (int)(sizeof cases / sizeof *cases));
}
