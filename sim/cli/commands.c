/* SPDX-License-Identifier: GPL-3.0-or-later */
/* commands.c - the commands and their option tables. */
#include "sim/cli/cli.h"

#define SWITCH(name, letter, member, help)                                                     \
    {                                                                                          \
        name, letter, NULL, UNIT_COUNT, 0, 0, NULL, help, option_switch,                       \
            offsetof(struct options, member)                                                   \
    }
#define TEXT(name, letter, arg, fallback, member, help)                                        \
    {                                                                                          \
        name, letter, arg, UNIT_COUNT, 0, 0, fallback, help, option_text,                      \
            offsetof(struct options, member)                                                   \
    }
#define LIST(name, letter, arg, member, help)                                                  \
    {                                                                                          \
        name, letter, arg, UNIT_COUNT, 0, 0, NULL, help, option_add,                           \
            offsetof(struct options, member)                                                   \
    }
#define DATE(name, arg, fallback, member, help)                                                \
    {                                                                                          \
        name, 0, arg, UNIT_COUNT, 0, 0, fallback, help, option_date,                           \
            offsetof(struct options, member)                                                   \
    }
#define NUMBER(name, letter, min, max, fallback, member, help)                                 \
    {                                                                                          \
        name, letter, "N", UNIT_COUNT, min, max, fallback, help, option_number,                \
            offsetof(struct options, member)                                                   \
    }

#define SCENARIO_ROWS                                                                          \
    LIST("set", 0, "PATH=VALUE", sets, "change a value of the scenario: engine.kind=sglang")

#define OUT_ROWS                                                                               \
    TEXT("output", 'o', "DIR", "out/<scenario name>", out_dir, "directory for the results"),   \
        SWITCH("no-plots", 0, no_plots, "write tables, draw no charts"),                       \
        SWITCH("json", 0, json, "print the rows as one JSON document")

#define SEED_ROW                                                                               \
    NUMBER("seed", 0, 0, 9007199254740992.0, "the scenario's", seed,                           \
           "seed of all random streams")

#define SIMULATION_ROWS                                                                        \
    SEED_ROW,                                                                                  \
        NUMBER("requests", 0, 1, 1e12, "the scenario's", requests,                             \
               "requests of one replication"),                                                 \
        NUMBER("replications", 0, 1, 10000, "the scenario's", replications,                    \
               "independent replications of each point")

#define JOBS_ROW                                                                               \
    NUMBER("jobs", 'j', 1, 4096, "one per CPU", n_jobs, "threads"),                            \
    {                                                                                          \
        "max-memory", 0, "SIZE", UNIT_BYTES, LEAST_MEMORY_BYTES, MOST_MEMORY_BYTES, NULL,      \
            "end rather than hold more, 200 MB say", option_number,                            \
            offsetof(struct options, max_memory_bytes)                                         \
    }

#define MOST_MEMORY_BYTES 9e15
#define AS_OF_ROW                                                                              \
    DATE("as-of", "DATE", "SOURCE_DATE_EPOCH or today", as_of, "price ages are counted to it")

#define PART_ROWS                                                                              \
    {"shard",                                                                                  \
     0,                                                                                        \
     "I/N",                                                                                    \
     UNIT_COUNT,                                                                               \
     1,                                                                                        \
     100000,                                                                                   \
     NULL,                                                                                     \
     "do each N-th point or candidate only, then merge",                                       \
     option_shard,                                                                             \
     0},                                                                                       \
        SWITCH("resume", 0, resume, "go on with a run that was stopped")

#define GENERAL_ROWS                                                                           \
    LIST("data", 0, "DIR", data_dirs, "catalogue directory searched first; may be repeated"),  \
        SWITCH("quiet", 'q', quiet, "no progress, notes or footer"),                           \
        SWITCH("help", 'h', help, "print this help"),                                          \
        SWITCH("version", 0, version, "print the version")

static const struct option_spec check_options[] = {SCENARIO_ROWS, SIMULATION_ROWS,
                                                   GENERAL_ROWS};

static const struct option_spec memory_options[] = {OUT_ROWS, SCENARIO_ROWS, GENERAL_ROWS};

static const struct option_spec run_options[] = {
    OUT_ROWS,
    SCENARIO_ROWS,
    SIMULATION_ROWS,
    JOBS_ROW,
    PART_ROWS,
    SWITCH("per-request", 0, per_request, "write requests.csv: one row per request"),
    SWITCH("strict", 0, strict, "exit 1 when a service level is missed"),
    AS_OF_ROW,
    GENERAL_ROWS,
};

static const struct option_spec sweep_options[] = {
    OUT_ROWS,
    SCENARIO_ROWS,
    SIMULATION_ROWS,
    JOBS_ROW,
    PART_ROWS,
    SWITCH("strict", 0, strict, "exit 1 when a deployment meets its service levels at no load"),
    AS_OF_ROW,
    GENERAL_ROWS,
};

static const struct option_spec plan_options[] = {
    OUT_ROWS, SCENARIO_ROWS, SIMULATION_ROWS, JOBS_ROW, PART_ROWS, AS_OF_ROW, GENERAL_ROWS,
};

static const struct option_spec merge_options[] = {
    TEXT("output", 'o', "DIR", "the first DIR", out_dir, "directory for the results"),
    SWITCH("no-plots", 0, no_plots, "write tables, draw no charts"),
    SWITCH("json", 0, json, "print the rows as one JSON document"),
    JOBS_ROW,
    SWITCH("strict", 0, strict, "exit 1 as the run or sweep would"),
    GENERAL_ROWS,
};

static const struct option_spec validate_options[] = {
    TEXT("csv", 0, "FILE", NULL, csv, "write one row per result and measure"),
    SWITCH("json", 0, json, "print those rows as one JSON document"),
    TEXT("explain", 0, "ID", NULL, explain, "show where the decode step of one result goes"),
    TEXT("leave-out", 0, "KIND", NULL, leave_out,
         "predict without each gpu's, arch's or family's own measurements"),
    TEXT("without", 0, "EFFECT", NULL, without, "remove one effect of the cost model"),
    TEXT("bands", 0, "DIR", NULL, bands, "write bands.csv and evidence.csv"),
    TEXT("report", 0, "DIR", NULL, report, "write the tables of VALIDATION.md"),
    SWITCH("markdown", 0, markdown, "print tables in Markdown"),
    NUMBER("seed", 0, 0, 9007199254740992.0, "1", seed, "seed of all random streams"),
    NUMBER("replications", 0, 1, 10000, "5", replications, "replications of open loops"),
    JOBS_ROW,
    GENERAL_ROWS,
};

static const struct option_spec calibrate_options[] = {
    TEXT("output", 'o', "FILE", NULL, out_dir,
         "correction file, table of constants, or folder for --data"),
    LIST("set", 0, "COLUMN=VALUE", sets,
         "what serving results do not say: hardware=h100-sxm, tp=4"),
    TEXT("gpu", 0, "NAME", NULL, gpu, "what micro-measurements were made on"),
    TEXT("source", 0, "TEXT", NULL, source, "origin of kernel tables, kept with the constants"),
    NUMBER("seed", 0, 0, 9007199254740992.0, "1", seed, "seed of all random streams"),
    JOBS_ROW,
    DATE("as-of", "DATE", "SOURCE_DATE_EPOCH or today", as_of, "date kept with what is fitted"),
    GENERAL_ROWS,
};

static const struct option_spec export_options[] = {
    TEXT("for", 0, "TARGET", NULL, target, "vllm, sglang, trtllm or kubernetes"),
    TEXT("option", 0, "NAME", "the plan's choice", option, "option of the plan, or deployment"),
    TEXT("output", 'o', "FILE", "stdout", out_dir, "file for the result"),
    SCENARIO_ROWS,
    GENERAL_ROWS,
};

static const struct option_spec catalog_options[] = {
    SWITCH("json", 0, json, "print the rows as one JSON document"),
    AS_OF_ROW,
    GENERAL_ROWS,
};

enum { MAX_CALIBRATE_INPUTS = 10000, MAX_MERGE_DIRS = 100000 };

#define ROWS(table) table, (int)(sizeof(table) / sizeof *(table))

static const struct command commands[] = {
    {"check", "SCENARIO", 1, 1, "validate; print the resolved scenario",
     "Validates a scenario and prints it with every default filled in. The comment behind a\n"
     "value says where it came from: the file and line, --set, or a default.",
     ROWS(check_options), cmd_check},
    {"memory", "SCENARIO", 1, 1, "memory budget per GPU; smallest configuration that fits",
     "Computes the memory budget of one GPU of each deployment and, per model and GPU, the\n"
     "smallest configuration that fits. Writes memory.csv. Exits 1 when nothing fits.",
     ROWS(memory_options), cmd_memory},
    {"run", "SCENARIO", 1, 1, "simulate each deployment at the scenario's load",
     "Simulates each deployment of the scenario at the scenario's load. Writes summary.csv,\n"
     "memory.csv, breakdown.csv and timeline.csv.",
     ROWS(run_options), cmd_run},
    {"sweep", "SCENARIO", 1, 1, "latency and throughput over load for each deployment",
     "Simulates each deployment of the scenario under rising load. Writes curves.csv,\n"
     "memory.csv, breakdown.csv and timeline.csv.",
     ROWS(sweep_options), cmd_sweep},
    {"plan", "SCENARIO", 1, 1, "size every candidate, price it, rank it, decide",
     "Sizes every candidate to the service levels and the peak of the demand, prices it on "
     "every\n"
     "machine of the catalogue and against the managed offers, and decides. Writes plan.csv,\n"
     "costs.csv, breakeven.csv, crossings.csv, forecast.csv, sensitivity.csv, decision.csv,\n"
     "models.csv, pareto.csv, their charts and report.html, one file for people who decide.\n"
     "Exits 1 when nothing is left.",
     ROWS(plan_options), cmd_plan},
    {"merge", "DIR...", 1, MAX_MERGE_DIRS, "join the shards of a run, sweep or plan",
     "Makes the tables and charts of a run, sweep or plan that several processes simulated\n"
     "with --shard I/N: the same bytes as one process writes. DIR is the output\n"
     "folder of a shard; shards may share one. Parts of different runs, and missing points,\n"
     "are errors. The scenario file and the catalogue must still be what they were.",
     ROWS(merge_options), cmd_merge},
    {"validate", "TABLE.csv", 1, 1, "predict measured results and report the error",
     "Replays each row of a table of measured results and reports how far the prediction is\n"
     "off, by metric and group.",
     ROWS(validate_options), cmd_validate},
    {"calibrate", "INPUT...", 1, MAX_CALIBRATE_INPUTS, "fit constants to measurements",
     "Serving results of one's own, three or more per deployment: the JSON files of `vllm "
     "bench\n"
     "serve --save-result`, folders of them, or a table as `validate` takes it. They give the\n"
     "scale and offset of the deployment's step time; a scenario uses the file by\n"
     "`engine: {calibration: FILE}`.\n"
     "Tables of kernel times (GEMM, attention, MLA, MoE): the constants of each GPU, engine,\n"
     "number format and kernel, with their error on shapes the fit had not seen. -o DIR makes "
     "a\n"
     "folder for --data, -o FILE.csv the one table.\n"
     "Micro-measurements of a GPU without tables: a CSV "
     "kind,m,n,k,bytes,n_gpus,latency_us,dtype\n"
     "with a large product (kind gemm, m 8192), a large weight at m 1, a small and a large\n"
     "all_reduce. The nearest GPU's constants are scaled to them; -o DIR is for --data.",
     ROWS(calibrate_options), cmd_calibrate},
    {"export", "PLAN_DIR|SCENARIO", 1, 1, "launch commands or manifests of a plan",
     "Writes how to launch what was planned: the engine's own command as a shell script, or\n"
     "Kubernetes manifests. PLAN_DIR is the output folder of `headroom plan`; a scenario with "
     "one\n"
     "deployment works too. The layout is translated to each engine's options, which\n"
     "hardware/engine_flags.csv lists with versions and sources.",
     ROWS(export_options), cmd_export},
    {"catalog", "KIND [NAME]", 1, 2, "list models, gpus, nodes, prices or managed offers",
     "Lists what the catalogue holds. KIND is models, gpus, nodes, prices or managed. With a\n"
     "NAME: everything known about it, with sources; estimated values are marked.",
     ROWS(catalog_options), cmd_catalog},
};

const struct command *command_at(int idx)
{
    int n = (int)(sizeof commands / sizeof *commands);
    return idx >= 0 && idx < n ? &commands[idx] : NULL;
}
