/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz_catalog.c - the tables of the catalogue: the first line of the input names one, the rest
 * is its content, found before the shipped one. The target runs at the top of the source tree.
 */
#include "hardware/engine.h"
#include "hardware/fabric.h"
#include "hardware/gpu.h"
#include "hardware/kernel.h"
#include "hardware/managed.h"
#include "hardware/node.h"
#include "hardware/param.h"
#include "sim/plan/policy.h"
#include "tests/fuzz/fuzz.h"

enum { N_DIRS = 2 };
typedef bool (*load_fn)(struct arena *arena, const char *const *dirs, struct err *err);

static bool load_gpus(struct arena *arena, const char *const *dirs, struct err *err)
{
    struct gpu_list list;
    return gpu_list_load(arena, dirs, N_DIRS, &list, err);
}

static bool load_nodes(struct arena *arena, const char *const *dirs, struct err *err)
{
    struct node_list list;
    return node_list_load(arena, dirs, N_DIRS, &list, err);
}

static bool load_managed(struct arena *arena, const char *const *dirs, struct err *err)
{
    struct managed_list list;
    return managed_load(arena, dirs, N_DIRS, &list, err);
}

static bool load_kernels(struct arena *arena, const char *const *dirs, struct err *err)
{
    struct kernel_set set;
    return kernel_set_load(arena, dirs, N_DIRS, &set, err);
}

static bool load_fabric(struct arena *arena, const char *const *dirs, struct err *err)
{
    struct fabric fabric;
    return fabric_load(arena, dirs, N_DIRS, &fabric, err);
}

static bool load_engines(struct arena *arena, const char *const *dirs, struct err *err)
{
    struct engine_table *table;
    return engine_table_load(arena, dirs, N_DIRS, &table, err);
}

static bool load_params(struct arena *arena, const char *const *dirs, struct err *err)
{
    struct param_list tco, reliability;
    return param_list_load(arena, dirs, N_DIRS, "tco.csv", &tco, err) &&
           param_list_load(arena, dirs, N_DIRS, "reliability.csv", &reliability, err);
}

static bool load_operators(struct arena *arena, const char *const *dirs, struct err *err)
{
    struct policy_book book;
    return policy_book_load(arena, dirs, N_DIRS, &book, err);
}

static const struct {
    const char *name;
    load_fn load;
} tables[] = {
    {"gpus.csv", load_gpus},
    {"nodes.csv", load_nodes},
    {"prices.csv", load_nodes},
    {"managed.csv", load_managed},
    {"managed_limits.csv", load_managed},
    {"links.csv", load_fabric},
    {"collectives/allreduce.csv", load_fabric},
    {"collectives/nccl.csv", load_fabric},
    {"collectives/alltoall.csv", load_fabric},
    {"kernels/gemm.csv", load_kernels},
    {"kernels/attention.csv", load_kernels},
    {"kernels/moe.csv", load_kernels},
    {"engines.csv", load_engines},
    {"moe_backends.csv", load_engines},
    {"tco.csv", load_params},
    {"reliability.csv", load_params},
    {"operators.csv", load_operators},
};

/* The first has the table under test; the second the beginnings of all shipped ones. */
static char dir[] = "/tmp/headroom-fuzz-XXXXXX";
static char rest_dir[sizeof dir + 8];

static void remove_dir(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    FUZZ_CHECK(system(command) == 0);
}

static void make_folders(const char *top)
{
    char path[128];
    static const char *const folders[] = {"", "/kernels", "/collectives"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        snprintf(path, sizeof path, "%s/hardware%s", top, folders[i]);
        FUZZ_CHECK(mkdir(path, 0700) == 0);
    }
}

/* The header and two rows: a whole catalogue would take most of the time. */
static void copy_beginning(const char *name)
{
    char path[160], line[8192];
    snprintf(path, sizeof path, "hardware/%s", name);
    FILE *in = fopen(path, "r");
    snprintf(path, sizeof path, "%s/hardware/%s", rest_dir, name);
    FILE *out = fopen(path, "w");
    FUZZ_CHECK(in != NULL && out != NULL);
    for (int i = 0; i < 3 && fgets(line, sizeof line, in); i++) {
        fputs(line, out);
    }
    fclose(in);
    FUZZ_CHECK(fclose(out) == 0);
}

static void make_dirs(void)
{
    FUZZ_CHECK(mkdtemp(dir) != NULL);
    snprintf(rest_dir, sizeof rest_dir, "%s/rest", dir);
    FUZZ_CHECK(mkdir(rest_dir, 0700) == 0);
    make_folders(dir);
    make_folders(rest_dir);
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        copy_beginning(tables[i].name);
    }
    atexit(remove_dir);
}

static void try(load_fn load, const char *name, const struct fuzz_input *in)
{
    char link[160];
    const char *const dirs[N_DIRS] = {dir, rest_dir};
    struct arena *arena = arena_new();
    struct err err = {0};
    snprintf(link, sizeof link, "%s/hardware/%s", dir, name);
    FUZZ_CHECK(symlink(fuzz_file(in->rest, in->n), link) == 0);
    if (!load(arena, dirs, &err)) {
        fuzz_check_refused(&err);
    }
    FUZZ_CHECK(unlink(link) == 0);
    arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static bool ready;
    struct fuzz_input in = fuzz_split(data, n);
    if (!ready) {
        make_dirs();
        ready = true;
    }
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        if (strcmp(in.head, tables[i].name) == 0) {
            try(tables[i].load, tables[i].name, &in);
        }
    }
    return 0;
}
