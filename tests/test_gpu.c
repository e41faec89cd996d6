/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_gpu.c - the GPU catalogue as shipped, its look-ups, and what broken tables say. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "hardware/gpu.h"
#include "sim/base/csvio.h"
#include "tests/check.h"

#define HEADER                                                                                 \
    "name,label,vendor,arch,mem_gib,mem_gb_per_s,fp32_tflops,bf16_tflops,fp8_tflops,int8_"     \
    "tops,"                                                                                    \
    "nvfp4_tflops,mxfp4_tflops,n_sm,l2_mib,link,link_gb_per_s,scaleup_gpus,pcie_gb_per_s,"     \
    "tdp_w,idle_w,nearest,source,as_of,estimated\n"
#define ROW_X1 "x1,X One,V,A,64,1000,10,100,200,0,0,0,10,4,l,50,8,16,300,30,,src,2026-01-02,\n"

/* Names scenarios and validation tables rely on. */
static const char *const promised[] = {
    "a100-sxm-40gb", "a100-sxm-80gb", "a100-pcie-80gb", "h100-sxm", "h100-pcie",
    "h100-nvl",      "h200-sxm",      "h200-nvl",       "h20",      "gh200",
    "b200",          "b300",          "gb200",          "gb300",    "l4",
    "l40s",          "rtx-pro-6000",  "rtx-4090",       "rtx-5090", "mi300x",
    "mi325x",        "mi350x",        "mi355x",         "gaudi2",   "gaudi3",
    "h800",
};

static struct arena *arena;
static struct gpu_list list;

static bool load_dirs(const char *const *dirs, int n, struct gpu_list *out, struct err *err)
{
    *err = (struct err){0};
    return gpu_list_load(arena, dirs, n, out, err);
}

/* A directory with hardware/gpus.csv of the given text. */
static const char *dir_with(int idx, const char *text)
{
    const char *dir = check_tmp(idx, "-gpus");
    char path[256];
    mkdir(dir, 0777);
    snprintf(path, sizeof path, "%s/hardware", dir);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/hardware/gpus.csv", dir);
    FILE *f = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fputs(text, f);
    fclose(f);
    return dir;
}

/* The error that a catalogue of HEADER and one row gives. */
static struct err error_of(const char *text)
{
    struct err err;
    struct gpu_list out;
    const char *dir = dir_with(0, text);
    CU_ASSERT_FALSE(load_dirs(&dir, 1, &out, &err));
    CU_ASSERT_EQUAL(err.code, ERR_INPUT);
    return err;
}

static void catalogue_holds_every_promised_name(void)
{
    for (size_t i = 0; i < sizeof promised / sizeof promised[0]; i++) {
        struct err err = {0};
        const struct gpu *gpu = gpu_find(&list, promised[i], &err);
        CU_ASSERT_PTR_NOT_NULL(gpu);
        if (gpu) {
            CU_ASSERT_STRING_EQUAL(gpu->name, promised[i]);
        }
    }
}

static void units_become_base_units(void)
{
    const struct gpu *gpu = gpu_find(&list, "h100-sxm", NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(gpu);
    CHECK_NEAR(gpu->mem_bytes, 79.19 * 1073741824.0, 1e-12);
    CHECK_NEAR(gpu->mem_bytes_per_s, 3.35e12, 1e-12);
    CHECK_NEAR(gpu->flops_per_s[DTYPE_BF16], 989e12, 1e-12);
    CHECK_NEAR(gpu->link_bytes_per_s, 450e9, 1e-12);
    CHECK_NEAR(gpu->l2_bytes, 50 * 1048576.0, 1e-12);
    CU_ASSERT_EQUAL(gpu->n_sm, 132);
}

/* Fitted kernel constants are fractions of exactly these peaks. */
static void fitted_skus_keep_the_peaks_of_the_fit(void)
{
    static const struct {
        const char *name;
        double bf16_tflops, fp8_tflops, fp4_tflops, tb_per_s;
    } fit[] = {
        {"a100-sxm-80gb", 312, 0, 0, 2.039}, {"h100-sxm", 989, 1978, 0, 3.35},
        {"h200-sxm", 989, 1978, 0, 4.8},     {"b200", 2250, 4500, 9000, 7.7},
        {"gb200", 2500, 5000, 10000, 8.0},   {"l40s", 362, 733, 0, 0.864},
    };
    for (size_t i = 0; i < sizeof fit / sizeof fit[0]; i++) {
        const struct gpu *gpu = gpu_find(&list, fit[i].name, NULL);
        CU_ASSERT_PTR_NOT_NULL_FATAL(gpu);
        CHECK_NEAR(gpu->flops_per_s[DTYPE_BF16], fit[i].bf16_tflops * 1e12, 1e-12);
        CHECK_NEAR(gpu->flops_per_s[DTYPE_FP8], fit[i].fp8_tflops * 1e12, 1e-12);
        CHECK_NEAR(gpu->flops_per_s[DTYPE_NVFP4], fit[i].fp4_tflops * 1e12, 1e-12);
        CHECK_NEAR(gpu->mem_bytes_per_s, fit[i].tb_per_s * 1e12, 1e-12);
        CU_ASSERT_STRING_EQUAL(gpu->nearest, "");
    }
}

static void every_gpu_is_physically_plausible(void)
{
    for (int i = 0; i < list.n; i++) {
        const struct gpu *gpu = &list.items[i];
        CU_ASSERT_TRUE(gpu->link_bytes_per_s < gpu->mem_bytes_per_s);
        CU_ASSERT_TRUE(gpu->pcie_bytes_per_s <= gpu->link_bytes_per_s);
        CU_ASSERT_TRUE(gpu->l2_bytes < gpu->mem_bytes / 50);
        CU_ASSERT_TRUE(gpu->idle_w < gpu->tdp_w / 3);
        /* Tensor peaks of these generations lie between 30 and 1000 FLOP per byte read. */
        double intensity = gpu->flops_per_s[DTYPE_BF16] / gpu->mem_bytes_per_s;
        CU_ASSERT_TRUE(intensity > 30 && intensity < 1000);
        CU_ASSERT_TRUE(gpu->flops_per_s[DTYPE_FP32] < gpu->flops_per_s[DTYPE_BF16]);
    }
}

static void every_link_is_in_the_link_table(void)
{
    struct csv_table links;
    struct err err = {0};
    CU_ASSERT_TRUE_FATAL(csv_load(arena, "hardware/links.csv", &links, &err));
    for (int i = 0; i < list.n; i++) {
        bool found = false;
        for (int row = 0; row < links.n_rows; row++) {
            found |= strcmp(csv_cell(&links, row, 0), list.items[i].link) == 0;
        }
        CU_ASSERT_TRUE(found);
    }
}

static void every_estimated_name_is_a_column(void)
{
    for (int i = 0; i < list.n; i++) {
        char words[256];
        char *rest = NULL;
        snprintf(words, sizeof words, "%s", list.items[i].estimated);
        for (char *w = strtok_r(words, " ", &rest); w; w = strtok_r(NULL, " ", &rest)) {
            char in_header[64];
            snprintf(in_header, sizeof in_header, ",%s,", w);
            CU_ASSERT_PTR_NOT_NULL(strstr(HEADER, in_header));
        }
    }
}

static void names_match_without_case_and_separators(void)
{
    const struct gpu *gpu = gpu_find(&list, "h100-sxm", NULL);
    CU_ASSERT_PTR_EQUAL(gpu_find(&list, "H100_SXM", NULL), gpu);
    CU_ASSERT_PTR_EQUAL(gpu_find(&list, "h100sxm", NULL), gpu);
    CU_ASSERT_PTR_NULL(gpu_find(&list, "h100sxm5", NULL));
}

static void unknown_gpu_suggests_the_nearest(void)
{
    struct err err = {0};
    CU_ASSERT_PTR_NULL(gpu_find(&list, "mi30x", &err));
    CU_ASSERT_EQUAL(err.code, ERR_INPUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "unknown GPU 'mi30x'"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "mi300x"));
}

static void beginning_of_several_names_offers_them_all(void)
{
    struct err err = {0};
    CU_ASSERT_PTR_NULL(gpu_find(&list, "H100", &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "could be h100-sxm, h100-pcie, h100-nvl"));
}

static void beginning_of_one_name_suggests_it(void)
{
    struct err err = {0};
    CU_ASSERT_PTR_NULL(gpu_find(&list, "rtx-pro", &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "rtx-pro-6000"));
}

static void missing_formats_run_at_a_wider_one(void)
{
    const struct gpu *a100 = gpu_find(&list, "a100-sxm-80gb", NULL);
    const struct gpu *h100 = gpu_find(&list, "h100-sxm", NULL);
    const struct gpu *b200 = gpu_find(&list, "b200", NULL);
    CHECK_NEAR(gpu_flops(a100, DTYPE_FP8), 312e12, 1e-12);
    CHECK_NEAR(gpu_flops(a100, DTYPE_INT8), 624e12, 1e-12);
    CHECK_NEAR(gpu_flops(h100, DTYPE_FP8), 1978e12, 1e-12);
    CHECK_NEAR(gpu_flops(h100, DTYPE_INT4), 989e12, 1e-12);
    CHECK_NEAR(gpu_flops(h100, DTYPE_MXFP4), 989e12, 1e-12);
    CHECK_NEAR(gpu_flops(b200, DTYPE_NVFP4), 9000e12, 1e-12);
    CHECK_NEAR(gpu_flops(b200, DTYPE_AUTO), 2250e12, 1e-12);
    CHECK_NEAR(gpu_flops(b200, DTYPE_FP32), 75e12, 1e-12);
}

static void first_directory_wins_and_the_rest_adds(void)
{
    struct err err;
    struct gpu_list both;
    const char *dirs[] = {"build/no-such-dir",
                          dir_with(1, HEADER "h100-sxm,Mine,V,A,64,1000,10,100,200,0,0,0,10,4,"
                                             "l,50,8,16,300,30,,src,2026-01-02,\n"),
                          "."};
    CU_ASSERT_TRUE_FATAL(load_dirs(dirs, 3, &both, &err));
    CU_ASSERT_EQUAL(both.n, list.n);
    CU_ASSERT_STRING_EQUAL(gpu_find(&both, "h100-sxm", NULL)->label, "Mine");
    CU_ASSERT_PTR_NOT_NULL(gpu_find(&both, "b200", NULL));
}

static void no_catalogue_at_all_is_an_io_error(void)
{
    struct err err;
    struct gpu_list out;
    const char *dir = "build/no-such-dir";
    CU_ASSERT_FALSE(load_dirs(&dir, 1, &out, &err));
    CU_ASSERT_EQUAL(err.code, ERR_IO);
}

static void zero_memory_is_refused_at_its_line(void)
{
    struct err err = error_of(HEADER ROW_X1 "x2,X Two,V,A,0,1000,10,100,200,0,0,0,10,4,l,50,8,"
                                            "16,300,30,,src,2026-01-02,\n");
    CU_ASSERT_EQUAL(err.line, 3);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.file, "gpus.csv"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "mem_gib"));
}

static void word_for_a_number_is_refused_at_its_line(void)
{
    struct err err = error_of(HEADER "x1,X One,V,A,much,1000,10,100,200,0,0,0,10,4,l,50,8,16,"
                                     "300,30,,src,2026-01-02,\n");
    CU_ASSERT_EQUAL(err.line, 2);
}

static void negative_peak_is_refused(void)
{
    struct err err = error_of(HEADER "x1,X One,V,A,64,1000,10,100,-1,0,0,0,10,4,l,50,8,16,300,"
                                     "30,,src,2026-01-02,\n");
    CU_ASSERT_EQUAL(err.line, 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "fp8_tflops"));
}

static void missing_source_is_refused(void)
{
    struct err err = error_of(HEADER "x1,X One,V,A,64,1000,10,100,200,0,0,0,10,4,l,50,8,16,300,"
                                     "30,,,2026-01-02,\n");
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "source"));
}

static void impossible_date_is_refused(void)
{
    struct err err = error_of(HEADER "x1,X One,V,A,64,1000,10,100,200,0,0,0,10,4,l,50,8,16,300,"
                                     "30,,src,2026-13-02,\n");
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "as_of"));
}

static void half_an_sm_is_refused(void)
{
    struct err err = error_of(HEADER "x1,X One,V,A,64,1000,10,100,200,0,0,0,10.5,4,l,50,8,16,"
                                     "300,30,,src,2026-01-02,\n");
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "n_sm"));
}

static void name_listed_twice_is_refused(void)
{
    struct err err = error_of(HEADER ROW_X1 ROW_X1);
    CU_ASSERT_EQUAL(err.line, 3);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "twice"));
}

static void unknown_stand_in_is_refused(void)
{
    struct err err = error_of(HEADER "x1,X One,V,A,64,1000,10,100,200,0,0,0,10,4,l,50,8,16,300,"
                                     "30,x9,src,2026-01-02,\n");
    CU_ASSERT_EQUAL(err.line, 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "x9"));
}

static void stand_in_without_data_is_refused(void)
{
    struct err err = error_of(
        HEADER ROW_X1 "x2,X Two,V,A,64,1000,10,100,200,0,0,0,10,4,l,50,8,16,300,30,x1,"
                      "src,2026-01-02,\n"
                      "x3,X Three,V,A,64,1000,10,100,200,0,0,0,10,4,l,50,8,16,300,30,x2,"
                      "src,2026-01-02,\n");
    CU_ASSERT_EQUAL(err.line, 4);
}

static void missing_column_is_refused(void)
{
    struct err err = error_of("name,label\nx1,X One\n");
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "vendor"));
}

int main(void)
{
    static const struct check_case cases[] = {
        {"catalogue holds every promised name", catalogue_holds_every_promised_name},
        {"units become base units", units_become_base_units},
        {"fitted SKUs keep the peaks of the fit", fitted_skus_keep_the_peaks_of_the_fit},
        {"every GPU is physically plausible", every_gpu_is_physically_plausible},
        {"every link is in the link table", every_link_is_in_the_link_table},
        {"every estimated name is a column", every_estimated_name_is_a_column},
        {"names match without case and separators", names_match_without_case_and_separators},
        {"unknown GPU suggests the nearest", unknown_gpu_suggests_the_nearest},
        {"beginning of several names offers them all",
         beginning_of_several_names_offers_them_all},
        {"beginning of one name suggests it", beginning_of_one_name_suggests_it},
        {"missing formats run at a wider one", missing_formats_run_at_a_wider_one},
        {"first directory wins and the rest adds", first_directory_wins_and_the_rest_adds},
        {"no catalogue at all is an I/O error", no_catalogue_at_all_is_an_io_error},
        {"zero memory is refused at its line", zero_memory_is_refused_at_its_line},
        {"word for a number is refused at its line", word_for_a_number_is_refused_at_its_line},
        {"negative peak is refused", negative_peak_is_refused},
        {"missing source is refused", missing_source_is_refused},
        {"impossible date is refused", impossible_date_is_refused},
        {"half an SM is refused", half_an_sm_is_refused},
        {"name listed twice is refused", name_listed_twice_is_refused},
        {"unknown stand-in is refused", unknown_stand_in_is_refused},
        {"stand-in without data is refused", stand_in_without_data_is_refused},
        {"missing column is refused", missing_column_is_refused},
    };
    arena = arena_new();
    const char *dir = ".";
    struct err err = {0};
    if (!gpu_list_load(arena, &dir, 1, &list, &err)) {
        err_print(&err, stderr);
        return 1;
    }
    int code = check_main("gpu", cases, (int)(sizeof cases / sizeof cases[0]));
    arena_free(arena);
    return code;
}
