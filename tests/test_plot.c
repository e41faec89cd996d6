/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_plot.c - charts: what reaches the picture, what must not, and how failures are told. Run
 * from the source tree's top; the sample tables are in tests/plots. */
#include "plots/plot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plots/gnuplot.h"
#include "plots/layout.h"
#include "tests/check.h"

#define CURVES_HEAD                                                                            \
    "deployment,rate_rps,stable,ttft_s_p95,tpot_s_p95,slo_ttft_s_p95,tpot_s_p50,"              \
    "output_tok_s_per_gpu\n"

static char *slurp(const char *path, size_t *n)
{
    FILE *in = fopen(path, "rb");
    char *text = NULL;
    *n = 0;
    if (in) {
        text = calloc(1, 8u << 20);
        *n = fread(text, 1, (8u << 20) - 1, in);
        fclose(in);
    }
    return text;
}

static void write_text(const char *path, const char *text)
{
    FILE *out = fopen(path, "wb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    fputs(text, out);
    fclose(out);
}

static const char *base(int idx)
{
    return check_tmp(idx, "-chart");
}

static const char *picture(const char *out_base, const char *suffix)
{
    static char path[256];
    snprintf(path, sizeof path, "%s%s", out_base, suffix);
    return path;
}

static void remove_chart(const char *out_base)
{
    unlink(picture(out_base, ".svg"));
    unlink(picture(out_base, ".png"));
}

static struct chart chart_of(const char *kind, const char *csv, const char *out_base)
{
    return (struct chart){.kind = kind,
                          .csv_path = csv,
                          .out_base = out_base,
                          .title = "How much load can it take?",
                          .subtitle = "a model, a workload",
                          .template_dir = "plots"};
}

static bool draw(const struct chart *chart)
{
    struct err err = {0};
    bool ok = plot_chart(chart, &err);
    if (!ok) {
        err_print(&err, stderr);
    }
    return ok;
}

/* The SVG of a chart, NULL on failure; the caller frees it. */
static char *svg_of(const struct chart *chart)
{
    size_t n;
    char *svg = draw(chart) ? slurp(picture(chart->out_base, ".svg"), &n) : NULL;
    remove_chart(chart->out_base);
    return svg;
}

static char *svg_of_text(const char *kind, const char *csv_text)
{
    const char *csv = check_tmp(0, ".csv");
    write_text(csv, csv_text);
    struct chart chart = chart_of(kind, csv, base(1));
    char *svg = svg_of(&chart);
    unlink(csv);
    return svg;
}

static bool svg_has(const char *svg, const char *text)
{
    return svg && strstr(svg, text);
}

/* Fails with this code and a message that contains `words`; leaves no file behind. */
static void check_fails(const struct chart *chart, enum err_code code, const char *words)
{
    struct err err = {0};
    CU_ASSERT_FALSE(plot_chart(chart, &err));
    CU_ASSERT_EQUAL(err.code, code);
    if (!strstr(err.text, words)) {
        fprintf(stderr, "expected '%s' in: %s\n", words, err.text);
        CU_FAIL("message");
    }
    static const char *const suffixes[] = {".svg", ".png", ".tmp.svg", ".tmp.png"};
    for (int i = 0; i < 4; i++) {
        CU_ASSERT_NOT_EQUAL(access(picture(chart->out_base, suffixes[i]), F_OK), 0);
    }
}

static void check_text(const char *kind, const char *csv_text, enum err_code code,
                       const char *words)
{
    const char *csv = check_tmp(0, ".csv");
    write_text(csv, csv_text);
    struct chart chart = chart_of(kind, csv, base(1));
    check_fails(&chart, code, words);
    unlink(csv);
}

static void check_text_fails(const char *kind, const char *csv_text, const char *words)
{
    check_text(kind, csv_text, ERR_INPUT, words);
}

/* Kind, table, a name that must be on the chart. */
static const char *const samples[][3] = {
    {"latency", "tests/plots/curves.csv", "4x MI300X, tp4"},
    {"throughput", "tests/plots/curves.csv", "4x MI300X, tp4"},
    {"memory", "tests/plots/memory.csv", "Maverick fp8, 8x H100 SXM"},
    {"breakdown", "tests/plots/breakdown.csv", "4x MI300X, tp4"},
    {"timeline", "tests/plots/timeline.csv", "4x MI300X, tp4"},
    {"experts", "tests/plots/experts.csv", "8x H200, ep8: slowest rank"},
    {"links", "tests/plots/links.csv", "2 prefill + 2 decode"},
    {"imbalance", "tests/plots/imbalance.csv", "EP 16, 32 redundant"},
    {"validation", "tests/plots/residuals.csv", "sglang"},
    {"cost", "tests/plots/plan.csv", "deepinfra gpu-h100-80gb dedicated for llama-4-scout"},
    {"tornado", "tests/plots/sensitivity.csv", "server price"},
    {"breakeven", "tests/plots/breakeven.csv", "self-hosted is cheaper"},
    {"forecast", "tests/plots/forecast.csv", "self-hosted"},
    {"cash", "tests/plots/forecast.csv", "managed"},
    {"pareto", "tests/plots/pareto.csv", "h200-sxm"},
    {"quality", "tests/plots/plan.csv", "llama-4-maverick, managed"},
    {"cache", "tests/plots/cache.csv", "4x H100 SXM, kv-aware"},
};
#define N_SAMPLES ((int)(sizeof samples / sizeof *samples))

static void every_kind_makes_an_svg_and_a_png(void)
{
    for (int i = 0; i < N_SAMPLES; i++) {
        size_t n_svg, n_png;
        struct chart chart = chart_of(samples[i][0], samples[i][1], base(1));
        CU_ASSERT_STRING_EQUAL(plot_kind(i), samples[i][0]);
        CU_ASSERT_TRUE(draw(&chart));
        char *svg = slurp(picture(chart.out_base, ".svg"), &n_svg);
        char *png = slurp(picture(chart.out_base, ".png"), &n_png);
        CU_ASSERT_TRUE(svg_has(svg, "<title>How much load can it take?</title>"));
        CU_ASSERT_PTR_NULL(
            strstr(strstr(svg, "</title>") + 1, "<title>")); /* no plot command */
        CU_ASSERT_TRUE(svg_has(svg, "</svg>"));
        CU_ASSERT_TRUE(n_png > 5000 && memcmp(png, "\x89PNG", 4) == 0);
        free(svg);
        free(png);
        remove_chart(chart.out_base);
    }
    CU_ASSERT_PTR_NULL(plot_kind(N_SAMPLES));
}

static void a_second_run_gives_the_same_bytes(void)
{
    static const char *const suffixes[] = {".svg", ".png"};
    for (int i = 0; i < N_SAMPLES; i++) {
        struct chart chart = chart_of(samples[i][0], samples[i][1], base(1));
        char *first[2];
        size_t n_first[2], n;
        CU_ASSERT_TRUE(draw(&chart));
        for (int k = 0; k < 2; k++) {
            first[k] = slurp(picture(chart.out_base, suffixes[k]), &n_first[k]);
        }
        chart.out_base = base(2);
        CU_ASSERT_TRUE(draw(&chart));
        for (int k = 0; k < 2; k++) {
            char *second = slurp(picture(chart.out_base, suffixes[k]), &n);
            CU_ASSERT_TRUE(n > 0 && n == n_first[k] && memcmp(first[k], second, n) == 0);
            free(first[k]);
            free(second);
        }
        remove_chart(base(1));
        remove_chart(base(2));
    }
}

static void deployments_are_named_on_the_chart(void)
{
    for (int i = 0; i < N_SAMPLES; i++) {
        struct chart chart = chart_of(samples[i][0], samples[i][1], base(1));
        char *svg = svg_of(&chart);
        CU_ASSERT_TRUE(svg_has(svg, samples[i][2]));
        free(svg);
    }
}

/* Layer 1: ranks at 1.5 and 0.5, layer 2: 1 and 1: 1.25 on average. */
static void a_heat_map_says_how_slow_the_slowest_rank_is(void)
{
    char *svg = svg_of_text("experts", "deployment,layer,rank,load_ratio\n"
                                       "a,1,0,0.5\na,1,1,1.5\na,2,0,1\na,2,1,1\n");
    CU_ASSERT_TRUE(svg_has(svg, "a: slowest rank 1.25 times the mean"));
    free(svg);
    check_text_fails("experts", "deployment,layer,rank,load_ratio\na,0,0,1\n",
                     "layer must be 1..1000");
    check_text_fails("experts", "deployment,layer,rank\na,1,0\n", "load_ratio");
}

static void hostile_names_stay_text(void)
{
    unlink("build/plot-pwned");
    char *svg = svg_of_text("latency", CURVES_HEAD
                            "\"\"\"; system \"\"touch x #1\",1,1,0.1,0.02,1,0.02,50\n"
                            "`touch build/plot-pwned`,1,1,0.2,0.02,1,0.02,60\n"
                            "'; !touch build/plot-pwned,1,1,0.3,0.02,1,0.02,70\n"
                            "@A {/=40 a_b} <i>&%d,1,1,0.4,0.02,1,0.02,70\n");
    CU_ASSERT_TRUE(svg_has(svg, ">\"; system \"touch x #1<"));
    CU_ASSERT_TRUE(svg_has(svg, ">`touch build/plot-pwned`<"));
    CU_ASSERT_TRUE(svg_has(svg, ">'; !touch build/plot-pwned<"));
    CU_ASSERT_TRUE(svg_has(svg, ">@A {/=40 a_b} &lt;i>&amp;%d<"));
    CU_ASSERT_NOT_EQUAL(access("build/plot-pwned", F_OK), 0);
    free(svg);
}

static void hostile_titles_stay_text(void)
{
    struct chart chart = chart_of("memory", "tests/plots/memory.csv", base(1));
    unlink("build/plot-pwned");
    chart.title = "a\"; system \"touch build/plot-pwned\nset output 'b' \\";
    chart.subtitle = "`touch build/plot-pwned` $(touch build/plot-pwned) </desc>";
    char *svg = svg_of(&chart);
    CU_ASSERT_TRUE(svg_has(svg, ">a\"; system \"touch build/plot-pwned set output 'b' \\<"));
    CU_ASSERT_TRUE(svg_has(svg, "<desc>`touch build/plot-pwned` $(touch build/plot-pwned) "
                                "&lt;/desc&gt;</desc>"));
    CU_ASSERT_NOT_EQUAL(access("build/plot-pwned", F_OK), 0);
    free(svg);
}

/* gnuplot opens a data file whose name begins with '<' as a command. */
static void a_path_is_never_a_pipe(void)
{
    char dir[4096];
    size_t n;
    char *sample = slurp("tests/plots/memory.csv", &n);
    CU_ASSERT_PTR_NOT_NULL_FATAL(getcwd(dir, sizeof dir));
    CU_ASSERT_PTR_NOT_NULL_FATAL(sample);
    base(1); /* makes build/ */
    char templates[4200];
    snprintf(templates, sizeof templates, "%s/plots", dir);
    CU_ASSERT_EQUAL_FATAL(chdir("build"), 0);
    write_text("<touch plot-pwned", sample);
    struct chart chart = chart_of("memory", "<touch plot-pwned", "|touch plot-pwned");
    chart.template_dir = templates;
    CU_ASSERT_TRUE(draw(&chart));
    CU_ASSERT_EQUAL(access("|touch plot-pwned.svg", F_OK), 0);
    CU_ASSERT_NOT_EQUAL(access("plot-pwned", F_OK), 0);
    remove_chart(chart.out_base);
    unlink("<touch plot-pwned");
    CU_ASSERT_EQUAL_FATAL(chdir(dir), 0);
    free(sample);
}

static void check_quoted(const char *text, const char *expected, bool path)
{
    char *out = NULL;
    size_t n = 0;
    FILE *stream = open_memstream(&out, &n);
    (path ? gnuplot_put_path : gnuplot_put_text)(stream, text);
    fclose(stream);
    CU_ASSERT_STRING_EQUAL(out, expected);
    free(out);
}

static void text_is_quoted_byte_by_byte(void)
{
    check_quoted("plain text 1.5", "\"plain text 1.5\"", false);
    check_quoted("\"`'@\\", "\"\\042\\140\\047\\100\\134\"", false);
    check_quoted("a\nb", "\"a b\"", false);
    check_quoted("#07x7", "\"\\043\\060\\067x7\"", false);
    check_quoted("<cmd", "\"./\\074cmd\"", true);
    check_quoted("/abs", "\"/abs\"", true);
}

static void an_unstable_point_has_no_influence(void)
{
    char *a = svg_of_text("latency",
                          CURVES_HEAD "A,1,1,0.1,0.02,1,0.02,50\nA,2,1,0.2,0.03,1,0.03,60\n"
                                      "A,3,0,99,0.04,1,0.02,60\nA,4,1,70,0.04,1,0.02,60\n");
    char *b = svg_of_text("latency",
                          CURVES_HEAD "A,1,1,0.1,0.02,1,0.02,50\nA,2,1,0.2,0.03,1,0.03,60\n"
                                      "A,3,0,500,0.9,1,0.02,60\nA,4,1,80,0.04,1,0.02,60\n");
    char *c = svg_of_text("latency",
                          CURVES_HEAD "A,1,1,0.1,0.02,1,0.02,50\nA,2,1,0.25,0.03,1,0.03,60\n"
                                      "A,3,0,500,0.9,1,0.02,60\nA,4,1,80,0.04,1,0.02,60\n");
    CU_ASSERT_TRUE(a && b && strcmp(a, b) == 0);
    CU_ASSERT_TRUE(a && c && strcmp(a, c) != 0);
    free(a);
    free(b);
    free(c);
}

static void a_cross_is_explained_only_where_a_line_stops(void)
{
    char *stops =
        svg_of_text("latency", CURVES_HEAD "A,1,1,0.1,0.02,1,0.02,50\nA,2,0,9,9,1,9,9\n");
    char *goes_on = svg_of_text("latency", CURVES_HEAD "A,1,1,0.1,0.02,1,0.02,50\n");
    CU_ASSERT_TRUE(svg_has(stops, "A cross marks the highest load"));
    CU_ASSERT_TRUE(goes_on && !strstr(goes_on, "A cross marks"));
    free(stops);
    free(goes_on);
}

static void an_overloaded_deployment_is_named_below(void)
{
    char *svg =
        svg_of_text("latency", CURVES_HEAD "A,1,1,0.1,0.02,1,0.02,50\nB,1,0,9,9,1,9,9\n");
    CU_ASSERT_TRUE(
        svg_has(svg, "overloaded already at the lowest load or without a result: B<"));
    free(svg);
}

static void the_limit_is_drawn_with_its_value(void)
{
    char *svg = svg_of_text("latency", CURVES_HEAD "A,1,1,0.1,0.02,1.5,0.02,50\n");
    CU_ASSERT_TRUE(svg_has(svg, ">limit 1.5 s<"));
    free(svg);
}

static void columns_are_found_by_name(void)
{
    char *a = svg_of_text("latency", "deployment,rate_rps,stable,ttft_s_p95,tpot_s_p95\n"
                                     "A,1,1,0.1,0.02\nA,2,1,0.2,0.03\n");
    char *b = svg_of_text("latency", "tpot_s_p95,extra,ttft_s_p95,stable,deployment,rate_rps\n"
                                     "0.02,x,0.1,1,A,1\n0.03,,0.2,1,A,2\n");
    CU_ASSERT_TRUE(a && b && strcmp(a, b) == 0);
    free(a);
    free(b);
}

static void closed_loads_are_drawn_over_concurrency(void)
{
    char *svg =
        svg_of_text("latency", "deployment,rate_rps,concurrency,stable,ttft_s_p95,tpot_s_p95\n"
                               "A,,16,1,0.1,0.02\nA,,32,1,0.2,0.03\n");
    CU_ASSERT_TRUE(svg_has(svg, "Offered load, requests in flight"));
    free(svg);
}

static void a_class_is_picked_by_name(void)
{
    struct chart chart = chart_of("latency", "tests/plots/curves.csv", base(1));
    char *by_default = svg_of(&chart);
    chart.row_class = "all";
    char *all = svg_of(&chart);
    chart.row_class = "chat";
    char *chat = svg_of(&chart);
    CU_ASSERT_TRUE(by_default && all && strcmp(by_default, all) == 0);
    CU_ASSERT_TRUE(all && chat && strcmp(all, chat) != 0);
    chart.row_class = "batch";
    check_fails(&chart, ERR_INPUT, "no rows of class 'batch'");
    free(by_default);
    free(all);
    free(chat);
}

static void the_prediction_band_is_shaded_when_present(void)
{
    struct chart chart = chart_of("latency", "tests/plots/curves.csv", base(1));
    char *with = svg_of(&chart);
    char *without = svg_of_text("latency", CURVES_HEAD "A,1,1,0.1,0.02,1,0.02,50\n");
    CU_ASSERT_TRUE(svg_has(with, "Shaded: 80 % prediction band."));
    CU_ASSERT_TRUE(svg_has(with, "fill-opacity"));
    CU_ASSERT_TRUE(without && !strstr(without, "Shaded") && !strstr(without, "fill-opacity"));
    free(with);
    free(without);
}

/* 12 crossings at 2k, 3k ... 13k tokens a day: seven and the last are explained, in words that
 * stand beside the panel, so that no line runs through them. */
static void crossings_are_numbered_and_explained_beside_the_lines(void)
{
    char rows[4000];
    int n = snprintf(rows, sizeof rows,
                     "model,option,kind,tok_per_day,usd_per_month,n_gpus,to\n"
                     "m,own,curve,1000,50,8,\nm,own,curve,20000,60,8,\n"
                     "m,api,curve,1000,40,,\nm,api,curve,20000,90,,\n");
    for (int i = 2; i <= 13; i++) {
        n += snprintf(rows + n, sizeof rows - (size_t)n, "m,own,step,%d000,5%d,8,%s\n", i,
                      i % 9, i % 2 ? "managed" : "self-hosted");
    }
    char *svg = svg_of_text("breakeven", rows);
    CU_ASSERT_TRUE(svg_has(svg, "from 2k: self-hosted is cheaper"));
    CU_ASSERT_TRUE(svg_has(svg, "from 7k: managed is cheaper"));
    CU_ASSERT_TRUE(svg_has(svg, "from 8k: self-hosted is cheaper"));
    CU_ASSERT_FALSE(svg_has(svg, "from 9k"));
    CU_ASSERT_TRUE(svg_has(svg, "from 13k: managed is cheaper"));
    CU_ASSERT_TRUE(svg_has(svg, "Squares mark the 12 crossings, of which 8 have a number."));
    free(svg);
}

/* Rows out of order, one that is not on the front, and the best. */
static void the_front_is_a_line_per_gpu_with_the_best_marked(void)
{
    char *svg =
        svg_of_text("pareto", "model,hardware,tok_s_per_user,output_tok_s_per_gpu,front,best\n"
                              "m,slow-gpu,20,90,1,0\nm,slow-gpu,60,10,1,0\n"
                              "m,slow-gpu,40,50,1,0\nm,fast-gpu,30,200,1,1\n"
                              "m,fast-gpu,90,20,1,0\nm,unseen-gpu,10,5,0,0\n");
    CU_ASSERT_TRUE(svg_has(svg, "slow-gpu"));
    CU_ASSERT_TRUE(svg_has(svg, "fast-gpu"));
    CU_ASSERT_FALSE(svg_has(svg, "unseen-gpu"));
    CU_ASSERT_TRUE(svg_has(svg, "the best self-hosted option"));
    free(svg);
}

/* Blue and orange are the sides': what one input changes, and kinds of GPU, have others. */
static void only_the_sides_have_the_colours_of_the_sides(void)
{
    struct chart chart = chart_of("tornado", "tests/plots/sensitivity.csv", base(1));
    char *tornado = svg_of(&chart);
    char *front =
        svg_of_text("pareto", "model,hardware,tok_s_per_user,output_tok_s_per_gpu,front,best\n"
                              "m,a,20,90,1,0\nm,a,60,10,1,0\nm,b,30,200,1,0\n");
    CU_ASSERT_TRUE(tornado && front);
    for (int i = 0; i < 2; i++) {
        const char *svg = i == 0 ? tornado : front;
        CU_ASSERT_PTR_NULL(strstr(svg, "0, 114, 178"));
        CU_ASSERT_PTR_NULL(strstr(svg, "213,  94"));
    }
    free(tornado);
    free(front);
}

/* Lower and upper edge in pixels of the first bar of a colour; false: none. */
static bool bar_of(const char *svg, const char *rgb, double *bottom, double *top)
{
    double x[3];
    const char *bar = svg ? strstr(svg, rgb) : NULL;
    const char *points = bar ? strstr(bar, "points = '") : NULL;
    return points && sscanf(points, "points = '%lf,%lf %lf,%*f %lf,%lf", &x[0], bottom, &x[1],
                            &x[2], top) == 5;
}

/* Both ends of the growth make it dearer: the low end above the high one, each with its value.
 */
static void pieces_of_a_tornado_do_not_lie_over_each_other(void)
{
    char *svg =
        svg_of_text("tornado", "model,input,unit,low,value,high,usd_low,usd_base,usd_high,"
                               "total_effect_frac,assumed\n"
                               "m,growth,per month,0.01,0.03,0.05,900,100,400,0.5,1\n"
                               "m,rent,USD/GPU-h,1,2,3,-500,100,700,0.5,1\n");
    double low[2], high[2];
    CU_ASSERT_TRUE(svg_has(svg, ">1 %<"));
    CU_ASSERT_TRUE(svg_has(svg, ">5 %<"));
    CU_ASSERT_TRUE_FATAL(bar_of(svg, "<polygon fill = 'rgb(166, 166, 166)'", &low[0], &low[1]));
    CU_ASSERT_TRUE_FATAL(
        bar_of(svg, "<polygon fill = 'rgb( 64,  64,  64)'", &high[0], &high[1]));
    CU_ASSERT_TRUE(low[0] <= high[1] + 0.1);
    CU_ASSERT_TRUE(low[0] > low[1] + 5 && high[0] > high[1] + 5);
    free(svg);
}

static void a_model_that_does_not_fit_is_told_in_words(void)
{
    struct chart chart = chart_of("memory", "tests/plots/memory.csv", base(1));
    char *svg = svg_of(&chart);
    CU_ASSERT_TRUE(svg_has(svg, ">does not fit: 29.1 GiB missing<"));
    CU_ASSERT_TRUE(svg_has(svg, ">fits, 6.3 of 79.1 GiB free<"));
    free(svg);
}

static void lines_beyond_the_twelfth_are_counted(void)
{
    char csv[4096] = CURVES_HEAD;
    for (int i = 0; i < 15; i++) {
        size_t n = strlen(csv);
        snprintf(csv + n, sizeof csv - n, "line %d,1,1,0.1,0.02,1,0.02,50\n", i);
    }
    char *svg = svg_of_text("latency", csv);
    CU_ASSERT_TRUE(svg_has(svg, "The first 12 deployments; 3 more are in"));
    CU_ASSERT_TRUE(svg_has(svg, ">line 11<") && !strstr(svg, ">line 12<"));
    free(svg);
}

static void a_missing_gnuplot_names_the_package(void)
{
    struct chart chart = chart_of("memory", "tests/plots/memory.csv", base(1));
    chart.gnuplot = "gnuplot-that-is-not-there";
    check_fails(&chart, ERR_IO, "gnuplot-nox");
}

static void gnuplots_own_message_is_passed_on(void)
{
    struct chart chart = chart_of("memory", "tests/plots/memory.csv", base(1));
    chart.template_dir = "no-such-folder";
    check_fails(&chart, ERR_IO, "no-such-folder/style.gp");
    chart.gnuplot = "/bin/false";
    check_fails(&chart, ERR_IO, "/bin/false failed (status 1)");
}

static void an_unwritable_folder_is_an_io_error(void)
{
    struct chart chart = chart_of("memory", "tests/plots/memory.csv", "build/no-such-folder/x");
    check_fails(&chart, ERR_IO, "gnuplot failed");
}

static void an_unknown_kind_is_a_usage_error(void)
{
    struct chart chart = chart_of("latencies", "tests/plots/curves.csv", base(1));
    check_fails(&chart, ERR_USAGE, "no chart 'latencies'");
}

static void bad_tables_are_input_errors(void)
{
    check_text_fails("latency", "deployment,rate_rps,stable,tpot_s_p95\nA,1,1,1\n",
                     "ttft_s_p95");
    check_text_fails("memory", "deployment,gpu_gib\nA,80\n", "weights_gib");
    check_text_fails("latency", CURVES_HEAD "A,2,1,1,1,1,1,1\nA,1,1,1,1,1,1,1\n",
                     "ascending rate_rps");
    check_text_fails("latency", CURVES_HEAD "\"A\nB\",2,1,1,1,1,1,1\nA,1,1,1,1,1,1,1\n",
                     "one record per line");
    check_text_fails("latency", CURVES_HEAD "A,2,1,fast,1,1,1,1\n", "fast");
}

/* Told apart from a column that is missing: a plan without an answer has no cost to draw. */
static void nothing_to_draw_is_no_bad_table(void)
{
    static const char head[] = "rank,side,option,model,usd_per_mtok_blended,usd_per_month\n";
    char rows[200];
    check_text("latency", CURVES_HEAD, ERR_UNFIT, "no rows");
    check_text("latency", CURVES_HEAD "A,1,0,0.1,0.02,1,0.02,50\n", ERR_UNFIT,
               "no stable load");
    check_text("cost", head, ERR_UNFIT, "no rows");
    snprintf(rows, sizeof rows, "%s,managed,a,m,,\n", head);
    check_text("cost", rows, ERR_UNFIT, "no ranked option");
    check_text("cost", "rank,side\n1,managed\n", ERR_INPUT, "option");
}

static void labels_apart_stay_where_they_are(void)
{
    double at[] = {100, 20, 60}, height[] = {14, 14, 14};
    layout_spread(3, at, height, 0, 200);
    CU_ASSERT_EQUAL(at[0], 100);
    CU_ASSERT_EQUAL(at[1], 20);
    CU_ASSERT_EQUAL(at[2], 60);
}

static void labels_never_overlap_and_stay_inside(void)
{
    double at[8], height[8];
    for (int i = 0; i < 8; i++) {
        at[i] = 195 + (i % 3); /* all want the lower edge */
        height[i] = i % 2 ? 14 : 28;
    }
    layout_spread(8, at, height, 0, 200);
    for (int i = 0; i < 8; i++) {
        CU_ASSERT_TRUE(at[i] - height[i] / 2 >= -1e-9 && at[i] + height[i] / 2 <= 200 + 1e-9);
        for (int k = 0; k < i; k++) {
            CU_ASSERT_TRUE(fabs(at[i] - at[k]) >= (height[i] + height[k]) / 2 - 1e-9);
        }
    }
}

static void two_labels_at_one_place_move_equally(void)
{
    double at[] = {50, 50}, height[] = {10, 10};
    layout_spread(2, at, height, 0, 100);
    CHECK_NEAR(at[0], 45, 1e-12);
    CHECK_NEAR(at[1], 55, 1e-12);
}

static void long_names_lose_their_middle(void)
{
    struct arena *arena = arena_new();
    const char *lines[2];
    int n = layout_wrap(arena,
                        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaazzzzzzzzzzzzzzzzzzzzzzzzzzzz",
                        11, false, 120, 2, lines);
    CU_ASSERT_EQUAL_FATAL(n, 1);
    CU_ASSERT_TRUE(layout_text_px(lines[0], 11, false) <= 120);
    CU_ASSERT_TRUE(strncmp(lines[0], "aaa", 3) == 0 && strstr(lines[0], "…"));
    CU_ASSERT_STRING_EQUAL(lines[0] + strlen(lines[0]) - 3, "zzz");
    arena_free(arena);
}

static void text_breaks_at_blanks_and_hyphens(void)
{
    struct arena *arena = arena_new();
    const char *lines[3];
    CU_ASSERT_EQUAL_FATAL(layout_wrap(arena, "one two-three four", 10, false, 60, 3, lines), 2);
    CU_ASSERT_STRING_EQUAL(lines[0], "one two-");
    CU_ASSERT_STRING_EQUAL(lines[1], "three four");
    CU_ASSERT_EQUAL(layout_wrap(arena, "", 10, false, 60, 3, lines), 0);
    arena_free(arena);
}

static void check_format(double value, enum layout_unit unit, const char *expected)
{
    char text[32];
    CU_ASSERT_STRING_EQUAL(layout_format(text, sizeof text, value, unit), expected);
}

static void numbers_are_written_for_people(void)
{
    check_format(0, LAYOUT_COUNT, "0");
    check_format(1500, LAYOUT_COUNT, "1.5k");
    check_format(2e6, LAYOUT_COUNT, "2M");
    check_format(999.7, LAYOUT_COUNT, "1k");
    check_format(0.25, LAYOUT_COUNT, "0.25");
    check_format(0.05, LAYOUT_LATENCY, "50 ms");
    check_format(2, LAYOUT_LATENCY, "2 s");
    check_format(2000, LAYOUT_LATENCY, "2000 s");
    check_format(30, LAYOUT_CLOCK, "30 s");
    check_format(120, LAYOUT_CLOCK, "2 min");
    check_format(5400, LAYOUT_CLOCK, "1 h 30");
    check_format(0, LAYOUT_FRAC, "0 %");
    check_format(0.4, LAYOUT_FRAC, "40 %");
}

static void an_axis_covers_its_data_with_a_few_tics(void)
{
    static const double ranges[][2] = {{0.1, 2},    {0, 0},     {5, 5},
                                       {1e-3, 1e4}, {0.9, 1.1}, {3e5, 9e6}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        for (int log_axis = 0; log_axis < 2; log_axis++) {
            struct layout_axis axis;
            layout_axis_fit(&axis, ranges[i][0], ranges[i][1], log_axis ? 1 : INFINITY,
                            LAYOUT_COUNT);
            CU_ASSERT_TRUE(axis.lo <= ranges[i][0] && axis.hi >= ranges[i][1]);
            CU_ASSERT_TRUE(axis.hi > axis.lo && axis.n_tics <= 10);
            CU_ASSERT_TRUE(axis.log || axis.n_tics >= 4);
            for (int k = 0; k < axis.n_tics; k++) {
                double frac = layout_axis_frac(&axis, axis.tics[k]);
                CU_ASSERT_TRUE(frac >= -1e-9 && frac <= 1 + 1e-9);
            }
        }
    }
}

static const struct check_case without_gnuplot[] = {
    {"text_is_quoted_byte_by_byte", text_is_quoted_byte_by_byte},
    {"a_missing_gnuplot_names_the_package", a_missing_gnuplot_names_the_package},
    {"an_unknown_kind_is_a_usage_error", an_unknown_kind_is_a_usage_error},
    {"bad_tables_are_input_errors", bad_tables_are_input_errors},
    {"nothing_to_draw_is_no_bad_table", nothing_to_draw_is_no_bad_table},
    {"labels_apart_stay_where_they_are", labels_apart_stay_where_they_are},
    {"labels_never_overlap_and_stay_inside", labels_never_overlap_and_stay_inside},
    {"two_labels_at_one_place_move_equally", two_labels_at_one_place_move_equally},
    {"long_names_lose_their_middle", long_names_lose_their_middle},
    {"text_breaks_at_blanks_and_hyphens", text_breaks_at_blanks_and_hyphens},
    {"numbers_are_written_for_people", numbers_are_written_for_people},
    {"an_axis_covers_its_data_with_a_few_tics", an_axis_covers_its_data_with_a_few_tics},
};
static const struct check_case with_gnuplot[] = {
    {"every_kind_makes_an_svg_and_a_png", every_kind_makes_an_svg_and_a_png},
    {"a_second_run_gives_the_same_bytes", a_second_run_gives_the_same_bytes},
    {"deployments_are_named_on_the_chart", deployments_are_named_on_the_chart},
    {"a_heat_map_says_how_slow_the_slowest_rank_is",
     a_heat_map_says_how_slow_the_slowest_rank_is},
    {"hostile_names_stay_text", hostile_names_stay_text},
    {"hostile_titles_stay_text", hostile_titles_stay_text},
    {"a_path_is_never_a_pipe", a_path_is_never_a_pipe},
    {"an_unstable_point_has_no_influence", an_unstable_point_has_no_influence},
    {"a_cross_is_explained_only_where_a_line_stops",
     a_cross_is_explained_only_where_a_line_stops},
    {"an_overloaded_deployment_is_named_below", an_overloaded_deployment_is_named_below},
    {"the_limit_is_drawn_with_its_value", the_limit_is_drawn_with_its_value},
    {"columns_are_found_by_name", columns_are_found_by_name},
    {"closed_loads_are_drawn_over_concurrency", closed_loads_are_drawn_over_concurrency},
    {"a_class_is_picked_by_name", a_class_is_picked_by_name},
    {"the_prediction_band_is_shaded_when_present", the_prediction_band_is_shaded_when_present},
    {"crossings_are_numbered_and_explained_beside_the_lines",
     crossings_are_numbered_and_explained_beside_the_lines},
    {"the_front_is_a_line_per_gpu_with_the_best_marked",
     the_front_is_a_line_per_gpu_with_the_best_marked},
    {"only_the_sides_have_the_colours_of_the_sides",
     only_the_sides_have_the_colours_of_the_sides},
    {"pieces_of_a_tornado_do_not_lie_over_each_other",
     pieces_of_a_tornado_do_not_lie_over_each_other},
    {"a_model_that_does_not_fit_is_told_in_words", a_model_that_does_not_fit_is_told_in_words},
    {"lines_beyond_the_twelfth_are_counted", lines_beyond_the_twelfth_are_counted},
    {"gnuplots_own_message_is_passed_on", gnuplots_own_message_is_passed_on},
    {"an_unwritable_folder_is_an_io_error", an_unwritable_folder_is_an_io_error},
};

/* Charts are optional in use, so the suite says what it leaves out where gnuplot is missing. */
int main(void)
{
    struct err err = {0};
    int failed = check_main("plot", without_gnuplot,
                            (int)(sizeof without_gnuplot / sizeof *without_gnuplot));
    struct chart chart = chart_of(samples[0][0], samples[0][1], base(1));
    if (!plot_chart(&chart, &err) && err.code == ERR_IO) {
        printf("plot: drawing not tested: %s\n", err.text);
        return failed;
    }
    remove_chart(chart.out_base);
    return failed | check_main("plot drawing", with_gnuplot,
                               (int)(sizeof with_gnuplot / sizeof *with_gnuplot));
}
