/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Costs worked out by hand from the shipped catalogue; the arithmetic stands beside each. */
#include <string.h>

#include "sim/plan/cost.h"
#include "tests/check.h"
#include "tests/plan_fixture.h"

static struct plan_fixture f;

static double line_usd(const struct cost_line *lines, int n, const char *name)
{
    for (int i = 0; i < n; i++) {
        if (strcmp(lines[i].name, name) == 0) {
            return lines[i].usd;
        }
    }
    return 0;
}

static struct cost_sheet sheet_of(const char *node, const char *pricing, enum hosting_kind kind,
                                  int64_t replicas, int64_t spares, double mean_rps)
{
    struct plan_option option = plan_fixture_option();
    struct hosting hosting = plan_fixture_hosting(&f, node, pricing, kind);
    struct units units = units_pack(8, replicas, spares, hosting.node->n_gpus);
    struct cost_sheet sheet;
    cost_month(&f.econ, &option, &hosting, &units, mean_rps, &sheet);
    return sheet;
}

#define LINE(sheet, name) line_usd((sheet).lines, (sheet).n_lines, (name))
#define CAPEX(sheet, name) line_usd((sheet).capex, (sheet).n_capex, (name))

static void an_instance_on_demand(void)
{
    /* aws-p5.48xlarge, us-east-1, 2026-09-25: 55.04 USD/h * 730.5 h = 40206.72 USD. */
    struct cost_sheet s = sheet_of("aws-p5.48xlarge", "on-demand", HOSTING_RENT, 1, 0, 1);
    CHECK_NEAR(LINE(s, "instances"), 40206.72, 1e-9);
    CU_ASSERT_EQUAL(s.n_capex, 0);
}

static void three_reserved_instances_one_of_them_spare(void)
{
    /* 23.777 USD/h, three years: 2 * 730.5 * 23.777 = 34738.197; the spare 17369.0985. */
    struct cost_sheet s = sheet_of("aws-p5.48xlarge", "reserved-3y", HOSTING_RENT, 2, 1, 1);
    CHECK_NEAR(LINE(s, "instances"), 34738.197, 1e-9);
    CHECK_NEAR(LINE(s, "spare instances"), 17369.0985, 1e-9);
}

static void two_bought_servers_with_network_and_storage(void)
{
    /* dgx-h100 310,000 USD. Servers 620,000. Network is 4 % of servers and network: 620,000 *
     * 0.04 / 0.96 = 25,833.33. Storage 6 %: 37,200. Together 683,033.33. */
    struct cost_sheet s = sheet_of("dgx-h100", "purchase", HOSTING_COLO, 2, 0, 1);
    CHECK_NEAR(CAPEX(s, "servers"), 620000, 1e-12);
    CHECK_NEAR(CAPEX(s, "network"), 25833.3333, 1e-8);
    CHECK_NEAR(CAPEX(s, "storage"), 37200, 1e-12);
    CHECK_NEAR(s.capex_usd, 683033.3333, 1e-9);
}

static void depreciation_and_capital_of_two_servers(void)
{
    /* 48 months: residual 0.3^(48/36) = 0.200829. Depreciation 683,033.33 * 0.799171 / 48 =
     * 11,372.11. Capital 8 %: 683,033.33 * 1.200829 / 2 * 0.08 / 12 = 2,734.02. */
    struct cost_sheet s = sheet_of("dgx-h100", "purchase", HOSTING_COLO, 2, 0, 1);
    CHECK_NEAR(LINE(s, "depreciation"), 11372.1, 1e-5);
    CHECK_NEAR(LINE(s, "cost of capital"), 2734.02, 1e-5);
}

static void colocation_and_maintenance_of_two_servers(void)
{
    /* 2 * 10.2 kW * 184.06 USD/kW-month = 3,754.824; 620,000 * 3 % / 12 = 1,550. */
    struct cost_sheet s = sheet_of("dgx-h100", "purchase", HOSTING_COLO, 2, 0, 1);
    CHECK_NEAR(LINE(s, "colocation"), 3754.824, 1e-9);
    CHECK_NEAR(LINE(s, "maintenance"), 1550, 1e-12);
}

static void electricity_of_half_loaded_servers(void)
{
    /* Two replicas of 2.5/s at 2.5/s: one replica's worth of load, 4,500 W above idle, and 16
     * GPUs idle at 187.5 W: 7,500 W. * 1.3 * 730.5 h * 0.12 USD/kWh = 854.685. */
    struct cost_sheet s = sheet_of("dgx-h100", "purchase", HOSTING_COLO, 2, 0, 2.5);
    CHECK_NEAR(s.it_power_w, 7500, 1e-12);
    CHECK_NEAR(LINE(s, "electricity"), 854.685, 1e-9);
}

static void a_site_of_ones_own(void)
{
    /* 20.4 kW * 11,500 = 234,600 USD; / (15 * 12) = 1,303.33 a month; half of it at 8 % / 12:
     * 782. No rent for space. */
    struct cost_sheet s = sheet_of("dgx-h100", "purchase", HOSTING_OWN, 2, 0, 2.5);
    CHECK_NEAR(CAPEX(s, "data centre"), 234600, 1e-12);
    CHECK_NEAR(LINE(s, "data centre depreciation"), 1303.3333, 1e-7);
    CHECK_NEAR(LINE(s, "data centre capital"), 782, 1e-9);
    CHECK_NEAR(LINE(s, "colocation"), 0, 0);
}

static void staff_of_a_small_and_a_large_site(void)
{
    /* Two nodes: 0.5 * 2 = 1 FTE at 175,000 / 12 = 14,583.33. Fifty: 1 + 400 / 1500 = 1.2667
     * FTE, 18,472.22. */
    struct cost_sheet s = sheet_of("dgx-h100", "purchase", HOSTING_COLO, 2, 0, 1);
    CHECK_NEAR(LINE(s, "staff"), 14583.3333, 1e-8);
    s = sheet_of("dgx-h100", "purchase", HOSTING_COLO, 50, 0, 1);
    CHECK_NEAR(LINE(s, "staff"), 18472.2222, 1e-8);
}

static void licences_and_staff_given_by_the_scenario(void)
{
    /* 4,500 USD per GPU-year * 16 GPUs / 12 = 6,000; 120,000 / 12 = 10,000. */
    static const char *const sets[] = {"economics.software_per_gpu_year=4500",
                                       "economics.staff_per_year=120000", NULL};
    struct plan_fixture shipped = f;
    plan_fixture_open(&f, sets);
    struct cost_sheet s = sheet_of("aws-p5.48xlarge", "on-demand", HOSTING_RENT, 2, 0, 1);
    CHECK_NEAR(LINE(s, "software licences"), 6000, 1e-12);
    CHECK_NEAR(LINE(s, "staff"), 10000, 1e-12);
    plan_fixture_close(&f);
    f = shipped;
}

static void lines_add_up_and_each_is_quantity_times_price(void)
{
    for (int kind = 0; kind < HOSTING_N; kind++) {
        const char *node = kind == HOSTING_RENT ? "aws-p5.48xlarge" : "dgx-h100";
        const char *pricing = kind == HOSTING_RENT ? "on-demand" : "purchase";
        struct cost_sheet s = sheet_of(node, pricing, (enum hosting_kind)kind, 3, 1, 5);
        double sum = 0;
        for (int i = 0; i < s.n_lines; i++) {
            sum += s.lines[i].usd;
            CHECK_NEAR(s.lines[i].usd, s.lines[i].quantity * s.lines[i].unit_usd, 1e-14);
            CU_ASSERT_TRUE(s.lines[i].source[0] != '\0');
        }
        CHECK_NEAR(sum, s.usd_per_month, 1e-12);
    }
}

static void tokens_cost_what_the_month_costs(void)
{
    /* 10 requests/s * 2,629,800 s = 26.298 M requests: 21,038.4 M fresh input tokens, 6,574.5 M
     * output. 100,000 USD: 40 % / 21,038.4 = 1.90129 USD, 60 % / 6,574.5 = 9.12617 USD. */
    struct plan_option option = plan_fixture_option();
    struct cost_per_mtok c = cost_tokens(&option, 100000, 10);
    CHECK_NEAR(c.input_usd, 1.90129, 1e-5);
    CHECK_NEAR(c.output_usd, 9.12617, 1e-5);
    CHECK_NEAR(c.cached_usd, 0, 0);
    CHECK_NEAR(c.input_usd * 21038.4 + c.output_usd * 6574.5, 100000, 1e-12);
    CHECK_NEAR(c.blended_usd, 100000 / (26298.0 + 6574.5), 1e-12);
}

static void no_tokens_have_no_price(void)
{
    struct plan_option option = plan_fixture_option();
    option.tokens = (struct plan_tokens){.input = 1000, .cached = 0, .output = 0};
    struct cost_per_mtok c = cost_tokens(&option, 100, 1);
    CU_ASSERT_TRUE(isnan(c.cached_usd) && isnan(c.output_usd));
}

static void the_fleet_follows_the_peak(void)
{
    /* 10/s at 2.5 * 0.8: 5 replicas; 0.067 % down time: one spare for 99.9 %. */
    struct plan_option option = plan_fixture_option();
    struct hosting h = plan_fixture_hosting(&f, "aws-p5.48xlarge", "on-demand", HOSTING_RENT);
    struct units u = cost_fleet(&f.econ, &option, &h, 10);
    CU_ASSERT_EQUAL(u.replicas, 5);
    CU_ASSERT_EQUAL(u.spares, 1);
    CU_ASSERT_EQUAL(u.nodes, 6);
}

/* 40 requests/s at 2.5 * 0.8 are 20 replicas. Taken away twice a day for 786 + 300 s, a replica
 * is down 2 * 1086 / 86400 = 2.51 % of the time besides: with 3 spares at most 3 of 23 are down
 * in 99.7 % of the time, short of 99.9 %, so it takes 4; a machine that stays needs 1. */
static void spot_machines_need_spares_for_their_interruptions(void)
{
    struct hosting stays =
        plan_fixture_hosting(&f, "azure-nd96isr-h100-v5", "on-demand", HOSTING_RENT);
    struct hosting spot =
        plan_fixture_hosting(&f, "azure-nd96isr-h100-v5", "spot", HOSTING_RENT);
    struct plan_option option = plan_fixture_option();
    struct econ econ = f.econ;
    struct cost_sheet sheet;
    econ.rates[ECON_SPOT].value = 2;
    econ.rates[ECON_SPOT_REPLACE].value = 786;
    econ.rates[ECON_RESTART].value = 300;
    CHECK_NEAR(hosting_down_frac(&econ, &option, &spot) -
                   hosting_down_frac(&econ, &option, &stays),
               2 * 1086 / 86400.0, 1e-9);
    CU_ASSERT_EQUAL(cost_fleet(&econ, &option, &stays, 40).spares, 1);
    struct units units = cost_fleet(&econ, &option, &spot, 40);
    CU_ASSERT_EQUAL(units.replicas, 20);
    CU_ASSERT_EQUAL(units.spares, 4);
    /* 24 instances at 18.17 USD for 730.5 h, 4 of them spare. */
    cost_month(&econ, &option, &spot, &units, 10, &sheet);
    CHECK_NEAR(sheet.lines[0].usd + sheet.lines[1].usd, 24 * 18.17 * 730.5, 1e-9);
    CHECK_NEAR(sheet.lines[1].usd, 4 * 18.17 * 730.5, 1e-9);
}

static void every_priced_node_of_the_gpu_is_offered(void)
{
    struct plan_option option = plan_fixture_option();
    struct hosting_list list;
    hosting_enumerate(f.arena, &f.stock, f.sc, &f.econ, &option, &list);
    int n_aws = 0;
    int n_bought = 0;
    for (int i = 0; i < list.n; i++) {
        CU_ASSERT_STRING_EQUAL(list.items[i].node->gpu, "h100-sxm");
        CU_ASSERT_TRUE(list.items[i].node->n_gpus >= 8);
        n_aws += strcmp(list.items[i].node->name, "aws-p5.48xlarge") == 0;
        n_bought += list.items[i].kind != HOSTING_RENT;
    }
    CU_ASSERT_EQUAL(n_aws, 2);    /* on-demand, reserved-3y */
    CU_ASSERT_EQUAL(n_bought, 2); /* colocated, own site */
    CU_ASSERT_TRUE(list.n_refused > 0 && list.refused[0].reason[0] != '\0');
}

/* ---- units on two kinds of machine ----------------------------------------------------------
 */

/* Two decode instances on 8 H200 each, three of 4 H100 for prefill. */
static struct plan_option mixed_option(void)
{
    struct plan_option o = plan_fixture_option();
    o.gpu = "h200-sxm";
    o.gpus_per_replica = 16;
    o.instances = 2;
    o.nic_bytes_per_s = 50e9;
    o.prefill = (struct plan_share){.gpu = "h100-sxm",
                                    .gpus = 12,
                                    .instances = 3,
                                    .node_gpus = 4,
                                    .nic_bytes_per_s = 50e9,
                                    .power_w = 9000,
                                    .idle_power_w = 2400};
    return o;
}

static void machines_of_a_pair_are_of_one_cloud(void)
{
    struct plan_option option = mixed_option();
    struct hosting_list list;
    hosting_enumerate(f.arena, &f.stock, f.sc, &f.econ, &option, &list);
    int n_bought = 0;
    int n_rented = 0;
    for (int i = 0; i < list.n; i++) {
        const struct hosting *h = &list.items[i];
        CU_ASSERT_STRING_EQUAL(h->node->gpu, "h200-sxm");
        CU_ASSERT_STRING_EQUAL_FATAL(h->prefill.node->gpu, "h100-sxm");
        CU_ASSERT_TRUE(h->kind != HOSTING_RENT ||
                       strcmp(h->node->provider, h->prefill.node->provider) == 0);
        CU_ASSERT_TRUE(h->prefill.node->nic_bytes_per_s * h->prefill.node->n_nics >=
                       50e9 * h->prefill.node->n_gpus);
        n_bought += h->kind != HOSTING_RENT;
        n_rented += h->kind == HOSTING_RENT;
    }
    CU_ASSERT_TRUE(n_bought >= 2 && n_rented >= 2);
    bool named = false;
    for (int i = 0; i < list.n_refused; i++) { /* 4 cards of 200 Gb/s for 8 GPUs */
        named = named || strcmp(list.refused[i].node->name, "gcp-a3-highgpu-8g") == 0;
    }
    CU_ASSERT_TRUE(named);
}

static struct hosting mixed_hosting(const char *pricing, enum hosting_kind kind,
                                    const char *decode, const char *prefill)
{
    struct hosting h = plan_fixture_hosting(&f, decode, pricing, kind);
    struct hosting p = plan_fixture_hosting(&f, prefill, pricing, kind);
    h.prefill = (struct machine){p.node, p.region, p.price};
    return h;
}

/* Two units and a spare: 2 x 3 decode instances take 6 servers, one unit's two of them spare; 9
 * prefill instances of 4 take 5 servers, 2 more than the 6 of two units. */
static void each_kind_is_packed_and_priced_by_itself(void)
{
    struct plan_option option = mixed_option();
    struct hosting h =
        mixed_hosting("on-demand", HOSTING_RENT, "aws-p5en.48xlarge", "aws-p5.48xlarge");
    struct econ econ = f.econ;
    struct cost_sheet s;
    econ.spares = 1;
    struct units u = cost_fleet(&econ, &option, &h, 4); /* 4 / (2.5 * 0.8) */
    CU_ASSERT_EQUAL(u.replicas, 2);
    CU_ASSERT_EQUAL(u.nodes, 11);
    CU_ASSERT_EQUAL(u.prefill_nodes, 5);
    CU_ASSERT_EQUAL(u.gpus, 88);
    CU_ASSERT_EQUAL(u.stranded, 88 - 3 * 28);
    cost_month(&econ, &option, &h, &u, 1, &s);
    double decode_usd = h.price.value * 730.5;
    double prefill_usd = h.prefill.price.value * 730.5;
    CHECK_NEAR(LINE(s, "instances"), 4 * decode_usd, 1e-9);
    CHECK_NEAR(LINE(s, "spare instances"), 2 * decode_usd, 1e-9);
    CHECK_NEAR(LINE(s, "prefill instances"), 3 * prefill_usd, 1e-9);
    CHECK_NEAR(LINE(s, "spare prefill instances"), 2 * prefill_usd, 1e-9);
    /* 1/s of 2.5: 0.4 unit at 4,500 W above idle of decode and 6,600 W of prefill; all GPUs
     * idle at 1500 / 16 and 2400 / 12 W each. */
    CHECK_NEAR(s.it_power_w, 0.4 * (4500 + 6600) + 48 * 93.75 + 40 * 200.0, 1e-9);
}

static void both_kinds_are_bought_and_housed(void)
{
    struct plan_option option = mixed_option();
    struct hosting h = mixed_hosting("purchase", HOSTING_COLO, "dgx-h200", "dgx-h100");
    struct econ econ = f.econ;
    struct cost_sheet s;
    econ.spares = 0;
    struct units u = cost_fleet(&econ, &option, &h, 4);
    cost_month(&econ, &option, &h, &u, 1, &s);
    double usd = 4 * h.price.value + 3 * h.prefill.price.value;
    CHECK_NEAR(CAPEX(s, "servers"), 4 * h.price.value, 1e-9);
    CHECK_NEAR(CAPEX(s, "prefill servers"), 3 * h.prefill.price.value, 1e-9);
    CHECK_NEAR(CAPEX(s, "storage"), 0.06 * usd, 1e-9);
    CHECK_NEAR(LINE(s, "colocation") / econ_value(&econ, ECON_COLOCATION), 7 * 10.2, 1e-9);
    /* a unit is down while any of its 28 GPUs is: two servers of each kind */
    CHECK_NEAR(hosting_down_frac(&econ, &option, &h),
               units_down_frac(&econ, 16, 8) + units_down_frac(&econ, 12, 8), 1e-12);
}

static void old_prices_are_flagged(void)
{
    CU_ASSERT_EQUAL(econ_days_between("2026-01-01", "2026-11-22"), 325);
    CU_ASSERT_EQUAL(econ_days_between("2024-02-28", "2024-03-01"), 2);
    CU_ASSERT_FALSE(econ_is_stale("2026-05-26", "2026-11-22")); /* 180 days */
    CU_ASSERT_TRUE(econ_is_stale("2026-05-25", "2026-11-22"));
    CU_ASSERT_TRUE(f.econ.rates[ECON_STORAGE_SHARE].stale);
}

static void the_users_price_replaces_every_rent(void)
{
    static const char *const sets[] = {"economics.gpu_hour=2", NULL};
    struct plan_fixture own;
    struct plan_option option = plan_fixture_option();
    struct hosting_list list;
    plan_fixture_open(&own, sets);
    hosting_enumerate(own.arena, &own.stock, own.sc, &own.econ, &option, &list);
    CU_ASSERT_TRUE(list.n > 0);
    for (int i = 0; i < list.n; i++) {
        if (list.items[i].kind == HOSTING_RENT) {
            CHECK_NEAR(list.items[i].price.value, 2.0 * list.items[i].node->n_gpus, 0);
            CU_ASSERT_TRUE(list.items[i].price.given);
        }
    }
    plan_fixture_close(&own);
}

int main(void)
{
    static const struct check_case cases[] = {
        {"an instance on demand", an_instance_on_demand},
        {"three reserved instances, one of them spare",
         three_reserved_instances_one_of_them_spare},
        {"two bought servers with network and storage",
         two_bought_servers_with_network_and_storage},
        {"depreciation and capital of two servers", depreciation_and_capital_of_two_servers},
        {"colocation and maintenance of two servers",
         colocation_and_maintenance_of_two_servers},
        {"electricity of half loaded servers", electricity_of_half_loaded_servers},
        {"a site of one's own", a_site_of_ones_own},
        {"staff of a small and a large site", staff_of_a_small_and_a_large_site},
        {"licences and staff given by the scenario", licences_and_staff_given_by_the_scenario},
        {"lines add up, each is quantity times price",
         lines_add_up_and_each_is_quantity_times_price},
        {"tokens cost what the month costs", tokens_cost_what_the_month_costs},
        {"no tokens have no price", no_tokens_have_no_price},
        {"the fleet follows the peak", the_fleet_follows_the_peak},
        {"spot machines need spares for their interruptions",
         spot_machines_need_spares_for_their_interruptions},
        {"every priced node of the GPU is offered", every_priced_node_of_the_gpu_is_offered},
        {"machines of a pair are of one cloud", machines_of_a_pair_are_of_one_cloud},
        {"each kind is packed and priced by itself", each_kind_is_packed_and_priced_by_itself},
        {"both kinds are bought and housed", both_kinds_are_bought_and_housed},
        {"old prices are flagged", old_prices_are_flagged},
        {"the user's price replaces every rent", the_users_price_replaces_every_rent},
    };
    plan_fixture_open(&f, NULL);
    int code = check_main("cost", cases, (int)(sizeof cases / sizeof cases[0]));
    plan_fixture_close(&f);
    return code;
}
