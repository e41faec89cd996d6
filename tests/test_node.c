/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_node.c - nodes, prices, managed inference and planning parameters: the tables as
 * shipped, the look-ups on small hand-made tables, and what broken tables say. */
#include "hardware/node.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hardware/gpu.h"
#include "hardware/managed.h"
#include "hardware/param.h"
#include "tests/check.h"

#define NODES                                                                                  \
    "name,provider,gpu,n_gpus,n_nics,nic_gbps,host_mem_gib,power_max_kw,source,as_of,"         \
    "estimated\n"
#define PRICES "node,kind,region,usd_per_h,usd,source,as_of,estimated\n"
#define MANAGED                                                                                \
    "provider,model,catalogue,offer,usd_in_per_mtok,usd_cached_per_mtok,usd_out_per_mtok,"     \
    "dbu_in_per_mtok,dbu_cached_per_mtok,dbu_out_per_mtok,usd_per_dbu,entry_dbu_per_h,"        \
    "scaling_dbu_per_h,entry_usd_per_h,scaling_usd_per_h,region,status,source,as_of\n"
#define LIMITS                                                                                 \
    "provider,product,model,catalogue,kind,value,text,unit,conditions,evidence,source,as_of\n"
#define PARAMS "category,param,value,low,high,unit,context,source,as_of,estimated\n"

static const char *const two_nodes = NODES "big,p,h100-sxm,8,8,400,2048,10.2,s,2026-01-01,\n"
                                           "one,q,h100-sxm,1,,,,,s,2026-01-01,nic_gbps\n";

static struct arena *arena;
static struct node_list shipped;
static struct managed_list managed;
static struct param_list tco, reliability;

static void write_file(const char *dir, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/hardware/%s", dir, name);
    FILE *f = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fputs(text, f);
    fclose(f);
}

/* A data directory with up to two tables. */
static const char *dir_with(int idx, const char *name_a, const char *a, const char *name_b,
                            const char *b)
{
    const char *dir = check_tmp(idx, "-node");
    char path[256];
    mkdir(dir, 0777);
    snprintf(path, sizeof path, "%s/hardware", dir);
    mkdir(path, 0777);
    write_file(dir, name_a, a);
    write_file(dir, name_b, b);
    return dir;
}

static bool load_small(const char *nodes, const char *prices, struct node_list *list,
                       struct err *err)
{
    *err = (struct err){0};
    const char *dir = dir_with(0, "nodes.csv", nodes, "prices.csv", prices);
    return node_list_load(arena, &dir, 1, list, err);
}

static struct err node_error(const char *nodes, const char *prices)
{
    struct err err;
    struct node_list list;
    CU_ASSERT_FALSE(load_small(nodes, prices, &list, &err));
    CU_ASSERT_EQUAL(err.code, ERR_INPUT);
    return err;
}

static struct err managed_error(const char *prices, const char *limits)
{
    struct err err = {0};
    struct managed_list list;
    const char *dir = dir_with(1, "managed.csv", prices, "managed_limits.csv", limits);
    CU_ASSERT_FALSE(managed_load(arena, &dir, 1, &list, &err));
    CU_ASSERT_EQUAL(err.code, ERR_INPUT);
    return err;
}

static bool load_params(const char *text, struct param_list *list, struct err *err)
{
    *err = (struct err){0};
    const char *dir = dir_with(2, "tco.csv", text, "other.csv", "");
    return param_list_load(arena, &dir, 1, "tco.csv", list, err);
}

/* YYYY-MM-DD between 2018 and the end of 2026. */
static bool plausible_date(const char *date)
{
    return strlen(date) == 10 && strcmp(date, "2018-01-01") >= 0 &&
           strcmp(date, "2026-12-31") <= 0 && date[4] == '-' && date[7] == '-' &&
           isdigit((unsigned char)date[9]);
}

static void every_node_names_a_known_gpu(void)
{
    struct gpu_list gpus;
    struct err err = {0};
    const char *dir = ".";
    CU_ASSERT_TRUE_FATAL(gpu_list_load(arena, &dir, 1, &gpus, &err));
    CU_ASSERT_TRUE(shipped.n_nodes >= 70);
    for (int i = 0; i < shipped.n_nodes; i++) {
        CU_ASSERT_PTR_NOT_NULL(gpu_find(&gpus, shipped.nodes[i].gpu, NULL));
    }
}

static void every_price_has_a_source_and_a_date(void)
{
    CU_ASSERT_TRUE(shipped.n_prices >= 100);
    for (int i = 0; i < shipped.n_prices; i++) {
        CU_ASSERT_TRUE(strlen(shipped.prices[i].source) > 5);
        CU_ASSERT_TRUE(plausible_date(shipped.prices[i].as_of));
    }
}

static void every_rent_lies_between_a_quarter_and_20_usd_per_gpu(void)
{
    for (int i = 0; i < shipped.n_prices; i++) {
        const struct price *price = &shipped.prices[i];
        double per_gpu_usd = price_per_gpu_usd(&shipped, price);
        bool purchase = strcmp(price->kind, "purchase") == 0;
        CU_ASSERT_TRUE(purchase ? per_gpu_usd > 20000 && per_gpu_usd < 100000
                                : per_gpu_usd > 0.25 && per_gpu_usd < 20);
    }
}

static void no_node_draws_less_than_its_gpus(void)
{
    struct gpu_list gpus;
    const char *dir = ".";
    CU_ASSERT_TRUE_FATAL(gpu_list_load(arena, &dir, 1, &gpus, NULL));
    int n_checked = 0;
    for (int i = 0; i < shipped.n_nodes; i++) {
        const struct node_spec *node = &shipped.nodes[i];
        if (node->power_max_w > 0) {
            const struct gpu *gpu = gpu_find(&gpus, node->gpu, NULL);
            CU_ASSERT_TRUE(node->power_max_w > node->n_gpus * gpu->tdp_w);
            n_checked++;
        }
    }
    CU_ASSERT_TRUE(n_checked >= 6);
}

static void node_units_become_base_units(void)
{
    const struct node_spec *node = node_spec_find(&shipped, "dgx-h100", NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(node);
    CU_ASSERT_EQUAL(node->n_gpus, 8);
    CHECK_NEAR(node->nic_bytes_per_s, 50e9, 1e-12);
    CHECK_NEAR(node->host_mem_bytes, 2048 * 1073741824.0, 1e-12);
    CHECK_NEAR(node->power_max_w, 10200, 1e-12);
}

static void empty_node_cells_are_unknown(void)
{
    struct err err;
    struct node_list list;
    CU_ASSERT_TRUE_FATAL(load_small(two_nodes, PRICES, &list, &err));
    const struct node_spec *node = node_spec_find(&list, "one", NULL);
    CU_ASSERT_EQUAL(node->n_nics, 0);
    CU_ASSERT_EQUAL(node->nic_bytes_per_s, 0);
    CU_ASSERT_EQUAL(node->host_mem_bytes, 0);
    CU_ASSERT_EQUAL(node->power_max_w, 0);
    CU_ASSERT_STRING_EQUAL(node->estimated, "nic_gbps");
}

static void unknown_node_suggests_the_nearest(void)
{
    struct err err = {0};
    CU_ASSERT_PTR_NULL(node_spec_find(&shipped, "dgx-h10", &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "dgx-h100"));
}

/* Worked by hand from prices.csv: on-demand H100 SXM per GPU-hour are AWS 6.88, Azure 12.29,
 * GCP 11.06 and 11.62, OCI 10.00, CoreWeave 6.155, Lambda 3.99, RunPod 3.49, Nebius 4.50,
 * Verda 3.81, Together 3.99, Crusoe 3.90, Hyperstack 3.20, DigitalOcean 4.41. */
static void cheapest_h100_on_demand_is_hyperstack(void)
{
    const struct price *price = price_cheapest(&shipped, "h100-sxm", "on-demand");
    CU_ASSERT_PTR_NOT_NULL_FATAL(price);
    CU_ASSERT_STRING_EQUAL(price->node, "hyperstack-h100-sxm");
    CHECK_NEAR(price_per_gpu_usd(&shipped, price), 3.20, 1e-12);
}

/* By hand: spot H100 SXM are Azure 18.17/8 = 2.271, CoreWeave 19.71/8 = 2.464, Verda 1.91,
 * Together 1.99. */
static void cheapest_h100_spot_is_verda(void)
{
    const struct price *price = price_cheapest(&shipped, "h100-sxm", "spot");
    CU_ASSERT_PTR_NOT_NULL_FATAL(price);
    CU_ASSERT_STRING_EQUAL(price->node, "verda-h100-sxm");
}

/* By hand: B300 on demand are AWS 142.416/8 = 17.80, OCI 15.00, Nebius 62.80/8 = 7.85. */
static void cheapest_compares_per_gpu_not_per_node(void)
{
    const struct price *price = price_cheapest(&shipped, "b300", "on-demand");
    CU_ASSERT_PTR_NOT_NULL_FATAL(price);
    CU_ASSERT_STRING_EQUAL(price->node, "nebius-8x-b300");
    CHECK_NEAR(price_per_gpu_usd(&shipped, price), 7.85, 1e-12);
}

static void purchase_per_gpu_is_the_node_over_its_gpus(void)
{
    const struct price *price = price_cheapest(&shipped, "h100-sxm", "purchase");
    CU_ASSERT_PTR_NOT_NULL_FATAL(price);
    CHECK_NEAR(price_per_gpu_usd(&shipped, price), 310000 / 8.0, 1e-12);
    CU_ASSERT_TRUE(price->estimated);
}

static void no_price_of_a_kind_is_null(void)
{
    CU_ASSERT_PTR_NULL(price_cheapest(&shipped, "rtx-4090", "purchase"));
    CU_ASSERT_PTR_NULL(price_cheapest(&shipped, "no-such-gpu", "on-demand"));
    CU_ASSERT_PTR_NULL(price_find(&shipped, "dgx-h100", "spot"));
}

static void superseded_price_is_not_the_cheapest(void)
{
    struct err err;
    struct node_list list;
    CU_ASSERT_TRUE_FATAL(load_small(two_nodes,
                                    PRICES "one,on-demand,x,3,,s,2026-01-01,\n"
                                           "one,on-demand,x,5,,s,2026-02-01,\n"
                                           "big,on-demand,x,32,,s,2025-06-01,\n",
                                    &list, &err));
    const struct price *price = price_cheapest(&list, "h100-sxm", "on-demand");
    CU_ASSERT_PTR_NOT_NULL_FATAL(price);
    CU_ASSERT_STRING_EQUAL(price->node, "big");
}

static void prices_of_regions_do_not_supersede_each_other(void)
{
    struct err err;
    struct node_list list;
    CU_ASSERT_TRUE_FATAL(load_small(two_nodes,
                                    PRICES "one,on-demand,us,3,,s,2026-01-01,\n"
                                           "one,on-demand,eu,5,,s,2026-02-01,\n",
                                    &list, &err));
    const struct price *price = price_cheapest(&list, "h100-sxm", "on-demand");
    CU_ASSERT_PTR_NOT_NULL_FATAL(price);
    CU_ASSERT_STRING_EQUAL(price->region, "us");
    CU_ASSERT_STRING_EQUAL(price_find(&list, "one", "on-demand")->region, "eu");
}

static void own_directory_overrides_a_node_and_a_price(void)
{
    struct err err = {0};
    struct node_list list;
    const char *dirs[] = {
        dir_with(3, "nodes.csv", NODES "dgx-h100,me,h100-sxm,4,,,,,s,2026-01-01,\n",
                 "prices.csv", PRICES "dgx-h100,purchase,list,,99999,quote,2026-11-01,\n"),
        "."};
    CU_ASSERT_TRUE_FATAL(node_list_load(arena, dirs, 2, &list, &err));
    CU_ASSERT_EQUAL(list.n_nodes, shipped.n_nodes);
    CU_ASSERT_EQUAL(node_spec_find(&list, "dgx-h100", NULL)->n_gpus, 4);
    const struct price *price = price_find(&list, "dgx-h100", "purchase");
    CHECK_NEAR(price_per_gpu_usd(&list, price), 99999 / 4.0, 1e-12);
}

static void price_of_an_unknown_node_is_refused(void)
{
    struct err err = node_error(two_nodes, PRICES "two,on-demand,x,3,,s,2026-01-01,\n");
    CU_ASSERT_EQUAL(err.line, 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.file, "prices.csv"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "two"));
}

static void unknown_kind_of_price_suggests_the_nearest(void)
{
    struct err err = node_error(two_nodes, PRICES "one,on-demnd,x,3,,s,2026-01-01,\n");
    CU_ASSERT_EQUAL(err.line, 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "on-demand"));
}

static void purchase_by_the_hour_is_refused(void)
{
    CU_ASSERT_EQUAL(node_error(two_nodes, PRICES "one,purchase,x,3,,s,2026-01-01,\n").line, 2);
    CU_ASSERT_EQUAL(node_error(two_nodes, PRICES "one,spot,x,3,900,s,2026-01-01,\n").line, 2);
    CU_ASSERT_EQUAL(node_error(two_nodes, PRICES "one,spot,x,,,s,2026-01-01,\n").line, 2);
}

static void undated_price_is_refused(void)
{
    struct err err = node_error(two_nodes, PRICES "one,spot,x,3,,s,2026-01-01,\n"
                                                  "one,spot,x,3,,s,2026,\n");
    CU_ASSERT_EQUAL(err.line, 3);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "as_of"));
}

static void price_without_source_is_refused(void)
{
    struct err err = node_error(two_nodes, PRICES "one,spot,x,3,,,2026-01-01,\n");
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "source"));
}

static void node_without_gpus_is_refused(void)
{
    struct err err = node_error(NODES "none,p,h100-sxm,0,,,,,s,2026-01-01,\n", PRICES);
    CU_ASSERT_EQUAL(err.line, 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "n_gpus"));
}

static void node_listed_twice_is_refused(void)
{
    struct err err = node_error(NODES "a,p,h100-sxm,8,,,,,s,2026-01-01,\n"
                                      "A,p,h100-sxm,8,,,,,s,2026-01-01,\n",
                                PRICES);
    CU_ASSERT_EQUAL(err.line, 3);
}

/* Databricks list price of August 2026: 0.50 in, 1.50 out; 7.143 units at 0.07 USD are 0.50. */
static void databricks_maverick_price_is_its_units_times_their_rate(void)
{
    const struct managed_price *p =
        managed_find(&managed, "databricks", "llama-4-maverick", "pay-per-token");
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    CHECK_NEAR(p->usd_in_per_mtok, 0.5, 1e-12);
    CHECK_NEAR(p->usd_out_per_mtok, 1.5, 1e-12);
    CHECK_NEAR(p->usd_in_per_mtok, p->dbu_in_per_mtok * p->usd_per_dbu, 1e-3);
    CHECK_NEAR(p->entry_usd_per_h, 6, 1e-12);
}

static void every_databricks_price_agrees_with_its_units(void)
{
    int n_checked = 0;
    for (int i = 0; i < managed.n_prices; i++) {
        const struct managed_price *p = &managed.prices[i];
        if (isnan(p->dbu_in_per_mtok)) {
            continue;
        }
        CHECK_NEAR(p->usd_in_per_mtok, p->dbu_in_per_mtok * p->usd_per_dbu, 2e-3);
        if (!isnan(p->dbu_out_per_mtok)) {
            CHECK_NEAR(p->usd_out_per_mtok, p->dbu_out_per_mtok * p->usd_per_dbu, 2e-3);
        }
        n_checked++;
    }
    CU_ASSERT_TRUE(n_checked >= 15);
}

static void every_managed_row_is_sourced_and_plausible(void)
{
    CU_ASSERT_TRUE(managed.n_prices >= 200);
    CU_ASSERT_TRUE(managed.n_limits >= 90);
    for (int i = 0; i < managed.n_prices; i++) {
        const struct managed_price *p = &managed.prices[i];
        CU_ASSERT_TRUE(strlen(p->source) > 5 && plausible_date(p->as_of));
        CU_ASSERT_FALSE(p->usd_in_per_mtok > 10 || p->usd_out_per_mtok > 20);
        CU_ASSERT_FALSE(p->usd_cached_per_mtok > p->usd_in_per_mtok);
    }
    for (int i = 0; i < managed.n_limits; i++) {
        CU_ASSERT_TRUE(strlen(managed.limits[i].source) > 5);
        CU_ASSERT_TRUE(plausible_date(managed.limits[i].as_of));
    }
}

static void every_catalogue_name_is_a_model(void)
{
    int n_named = 0;
    for (int i = 0; i < managed.n_prices; i++) {
        char path[128];
        snprintf(path, sizeof path, "models/%s.json", managed.prices[i].catalogue);
        if (managed.prices[i].catalogue[0]) {
            CU_ASSERT_EQUAL(access(path, R_OK), 0);
            n_named++;
        }
    }
    CU_ASSERT_TRUE(n_named >= 100);
}

static void retired_offer_is_not_found(void)
{
    CU_ASSERT_PTR_NULL(managed_find(&managed, "databricks", "llama-3.1-405b", "pay-per-token"));
}

/* gpt-oss-120b at Fireworks: rows of 2026-07-02 (cached 0.015) and 2026-08-04 (0.014). */
static void newer_managed_price_wins(void)
{
    const struct managed_price *p =
        managed_find(&managed, "fireworks", "gpt-oss-120b", "pay-per-token");
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    CU_ASSERT_STRING_EQUAL(p->as_of, "2026-08-04");
    CHECK_NEAR(p->usd_cached_per_mtok, 0.014, 1e-12);
}

static void model_is_found_by_the_name_of_the_provider_too(void)
{
    const struct managed_price *p =
        managed_find(&managed, "databricks", "llama-3-3-70b-instruct", "pay-per-token");
    CU_ASSERT_PTR_EQUAL(p,
                        managed_find(&managed, "databricks", "llama-3.3-70b", "pay-per-token"));
    CU_ASSERT_PTR_NOT_NULL(p);
}

static void token_limit_of_a_model_and_of_all_models(void)
{
    const struct managed_limit *own =
        managed_limit_find(&managed, "databricks", "pay-per-token", "llama-4-maverick", "otpm");
    const struct managed_limit *all =
        managed_limit_find(&managed, "databricks", "pay-per-token", "llama-4-maverick", "qps");
    CU_ASSERT_PTR_NOT_NULL_FATAL(own);
    CU_ASSERT_PTR_NOT_NULL_FATAL(all);
    CHECK_NEAR(own->value, 10000, 1e-12);
    CHECK_NEAR(all->value, 200, 1e-12);
}

/* Llama 3.3 70B had 1200 queries an hour in 2025 and has 2400 in 2026. */
static void newer_limit_wins(void)
{
    const struct managed_limit *limit =
        managed_limit_find(&managed, "databricks", "pay-per-token", "llama-3.3-70b", "qph");
    CU_ASSERT_PTR_NOT_NULL_FATAL(limit);
    CHECK_NEAR(limit->value, 2400, 1e-12);
}

static void managed_offer_without_price_is_refused(void)
{
    struct err err = managed_error(
        MANAGED "p,m,,pay-per-token,,,1,,,,,,,,,list,current,src,2026-01-01\n", LIMITS);
    CU_ASSERT_EQUAL(err.line, 2);
}

static void misspelt_offer_suggests_the_nearest(void)
{
    struct err err = managed_error(
        MANAGED "p,m,,pay-per-tokn,1,,1,,,,,,,,,list,current,src,2026-01-01\n", LIMITS);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "pay-per-token"));
}

static void limit_with_neither_value_nor_text_is_refused(void)
{
    struct err err = managed_error(
        MANAGED, LIMITS "p,pay-per-token,m,,itpm,,,tokens/min,,primary,src,2026-01-01\n");
    CU_ASSERT_EQUAL(err.line, 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.file, "managed_limits.csv"));
}

static void every_parameter_is_sourced_and_dated(void)
{
    const struct param_list *lists[] = {&tco, &reliability};
    for (int l = 0; l < 2; l++) {
        CU_ASSERT_TRUE(lists[l]->n >= 60);
        for (int i = 0; i < lists[l]->n; i++) {
            const struct param *p = &lists[l]->items[i];
            CU_ASSERT_TRUE(plausible_date(p->as_of));
            CU_ASSERT_TRUE(strncmp(p->source, "unsourced", 9) != 0 || p->estimated);
        }
    }
}

static void planning_parameters_are_found_by_name_and_context(void)
{
    const struct param *texas = param_find(&tco, "electricity", "industrial-price", "Texas");
    const struct param *us = param_find(&tco, "electricity", "industrial-price", "US");
    const struct param *power = param_find(&tco, "ownership", "all-in-power", "b200");
    const struct param *wacc = param_find(&tco, "cost-of-capital", "wacc", NULL);
    CU_ASSERT_TRUE_FATAL(texas && us && power && wacc);
    CHECK_NEAR(texas->value, 0.066, 1e-12);
    CHECK_NEAR(us->value, 0.0929, 1e-12); /* January 2026, newer than December 2025 */
    CHECK_NEAR(power->value, 2170, 1e-12);
    CHECK_NEAR(wacc->low, 0.06, 1e-12);
    CU_ASSERT_PTR_NULL(param_find(&tco, "electricity", "industrial-price", "Mars"));
}

/* 419 unexpected interruptions on 16384 GPUs in 54 days: 4.736e-4 per GPU-day. */
static void interruption_rate_follows_from_its_counts(void)
{
    const struct param *n =
        param_find(&reliability, "interruptions", "unexpected-interruptions", NULL);
    const struct param *rate =
        param_find(&reliability, "derived", "unexpected-interruption-rate", NULL);
    CU_ASSERT_TRUE_FATAL(n && rate);
    CHECK_NEAR(rate->value, n->value / (16384.0 * 54), 2e-3);
    CU_ASSERT_TRUE(rate->estimated);
}

static void exact_context_goes_before_a_beginning(void)
{
    struct err err;
    struct param_list list;
    CU_ASSERT_TRUE_FATAL(load_params(PARAMS "c,p,1,,,u,US west,s,2026-02-01,\n"
                                            "c,p,2,,,u,US,s,2026-01-01,\n"
                                            "c,p,3,,,u,EU,s,2026-03-01,\n",
                                     &list, &err));
    CHECK_NEAR(param_find(&list, "c", "p", "US")->value, 2, 1e-12);
    CHECK_NEAR(param_find(&list, "c", "p", "US w")->value, 1, 1e-12);
    CHECK_NEAR(param_find(&list, "c", "p", NULL)->value, 3, 1e-12);
    CU_ASSERT_TRUE(isnan(list.items[0].low));
}

static void range_that_misses_the_value_is_refused(void)
{
    struct err err;
    struct param_list list;
    CU_ASSERT_FALSE(load_params(PARAMS "c,p,5,1,2,u,,s,2026-02-01,\n", &list, &err));
    CU_ASSERT_EQUAL(err.line, 2);
    CU_ASSERT_FALSE(load_params(PARAMS "c,p,5,1,,u,,s,2026-02-01,\n", &list, &err));
}

static bool load_shipped(struct err *err)
{
    const char *dir = ".";
    return node_list_load(arena, &dir, 1, &shipped, err) &&
           managed_load(arena, &dir, 1, &managed, err) &&
           param_list_load(arena, &dir, 1, "tco.csv", &tco, err) &&
           param_list_load(arena, &dir, 1, "reliability.csv", &reliability, err);
}

int main(void)
{
    static const struct check_case cases[] = {
        {"every node names a known gpu", every_node_names_a_known_gpu},
        {"every price has a source and a date", every_price_has_a_source_and_a_date},
        {"every rent lies between a quarter and 20 usd per gpu",
         every_rent_lies_between_a_quarter_and_20_usd_per_gpu},
        {"no node draws less than its gpus", no_node_draws_less_than_its_gpus},
        {"node units become base units", node_units_become_base_units},
        {"empty node cells are unknown", empty_node_cells_are_unknown},
        {"unknown node suggests the nearest", unknown_node_suggests_the_nearest},
        {"cheapest h100 on demand is hyperstack", cheapest_h100_on_demand_is_hyperstack},
        {"cheapest h100 spot is verda", cheapest_h100_spot_is_verda},
        {"cheapest compares per gpu not per node", cheapest_compares_per_gpu_not_per_node},
        {"purchase per gpu is the node over its gpus",
         purchase_per_gpu_is_the_node_over_its_gpus},
        {"no price of a kind is null", no_price_of_a_kind_is_null},
        {"superseded price is not the cheapest", superseded_price_is_not_the_cheapest},
        {"prices of regions do not supersede each other",
         prices_of_regions_do_not_supersede_each_other},
        {"own directory overrides a node and a price",
         own_directory_overrides_a_node_and_a_price},
        {"price of an unknown node is refused", price_of_an_unknown_node_is_refused},
        {"unknown kind of price suggests the nearest",
         unknown_kind_of_price_suggests_the_nearest},
        {"purchase by the hour is refused", purchase_by_the_hour_is_refused},
        {"undated price is refused", undated_price_is_refused},
        {"price without source is refused", price_without_source_is_refused},
        {"node without gpus is refused", node_without_gpus_is_refused},
        {"node listed twice is refused", node_listed_twice_is_refused},
        {"databricks maverick price is its units times their rate",
         databricks_maverick_price_is_its_units_times_their_rate},
        {"every databricks price agrees with its units",
         every_databricks_price_agrees_with_its_units},
        {"every managed row is sourced and plausible",
         every_managed_row_is_sourced_and_plausible},
        {"every catalogue name is a model", every_catalogue_name_is_a_model},
        {"retired offer is not found", retired_offer_is_not_found},
        {"newer managed price wins", newer_managed_price_wins},
        {"model is found by the name of the provider too",
         model_is_found_by_the_name_of_the_provider_too},
        {"token limit of a model and of all models", token_limit_of_a_model_and_of_all_models},
        {"newer limit wins", newer_limit_wins},
        {"managed offer without price is refused", managed_offer_without_price_is_refused},
        {"misspelt offer suggests the nearest", misspelt_offer_suggests_the_nearest},
        {"limit with neither value nor text is refused",
         limit_with_neither_value_nor_text_is_refused},
        {"every parameter is sourced and dated", every_parameter_is_sourced_and_dated},
        {"planning parameters are found by name and context",
         planning_parameters_are_found_by_name_and_context},
        {"interruption rate follows from its counts",
         interruption_rate_follows_from_its_counts},
        {"exact context goes before a beginning", exact_context_goes_before_a_beginning},
        {"range that misses the value is refused", range_that_misses_the_value_is_refused},
    };
    arena = arena_new();
    struct err err = {0};
    if (!load_shipped(&err)) {
        err_print(&err, stderr);
        return 1;
    }
    int code = check_main("node", cases, (int)(sizeof cases / sizeof cases[0]));
    arena_free(arena);
    return code;
}
