/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packing replicas into what can be bought. */
#include <gsl/gsl_cdf.h>
#include <string.h>

#include "sim/plan/units.h"
#include "tests/check.h"

static struct econ reliable(void)
{
    struct econ econ = {.availability_frac = 0.999, .spares = -1};
    econ.rates[ECON_FAILURES].value = 4.74e-4;
    econ.rates[ECON_RESTART].value = 300;
    econ.rates[ECON_BREAKAGE].value = 0.01;
    econ.rates[ECON_REPAIR].value = 259200;
    econ.rates[ECON_NETWORK_SMALL].value = 0.04;
    econ.rates[ECON_NETWORK_MEDIUM].value = 0.086;
    econ.rates[ECON_NETWORK_LARGE].value = 0.128;
    return econ;
}

static void two_replicas_of_four_fill_a_server_of_eight(void)
{
    struct units u = units_pack(4, 2, 0, 8);
    CU_ASSERT_EQUAL(u.nodes, 1);
    CU_ASSERT_EQUAL(u.gpus, 8);
    CU_ASSERT_EQUAL(u.stranded, 0);
    CU_ASSERT_FALSE(u.networked);
    CU_ASSERT_TRUE(units_pack(4, 3, 0, 8).networked);
}

static void gpus_that_no_replica_can_use_are_stranded(void)
{
    struct units u = units_pack(3, 5, 0, 8); /* 2 per server: 3 servers, 24 - 15 = 9 */
    CU_ASSERT_EQUAL(u.nodes, 3);
    CU_ASSERT_EQUAL(u.gpus, 24);
    CU_ASSERT_EQUAL(u.stranded, 9);
    CU_ASSERT_TRUE(u.networked);
}

static void a_large_replica_takes_whole_nodes(void)
{
    struct units u = units_pack(12, 2, 1, 8); /* 2 servers each */
    CU_ASSERT_EQUAL(u.nodes, 6);
    CU_ASSERT_EQUAL(u.stranded, 48 - 36);
}

static void a_rack_is_one_unit(void)
{
    struct units u = units_pack(8, 1, 0, 72);
    CU_ASSERT_EQUAL(u.nodes, 1);
    CU_ASSERT_EQUAL(u.gpus, 72);
    CU_ASSERT_EQUAL(u.stranded, 64);
}

static void replicas_leave_the_stated_headroom(void)
{
    CU_ASSERT_EQUAL(units_replicas(10, 2.5, 0.8), 5); /* 10 / 2 */
    CU_ASSERT_EQUAL(units_replicas(10.1, 2.5, 0.8), 6);
    CU_ASSERT_EQUAL(units_replicas(0, 2.5, 0.8), 1);
    CU_ASSERT_EQUAL(units_replicas(0.3, 0.1, 1), 3); /* 0.3 / 0.1 is a hair over 3 */
}

static void down_time_is_that_of_the_worked_example(void)
{
    struct econ econ = reliable();
    CHECK_NEAR(units_down_frac(&econ, 8, 8), 6.70e-4, 1e-3);
    econ.rates[ECON_NODE_FAILURES].value = 0.01; /* 0.01 * 300 / 86400 = 3.47e-5 */
    CHECK_NEAR(units_down_frac(&econ, 8, 8), 6.70e-4 + 3.47e-5, 1e-3);
}

/* 0.1 a day * (786 s + 300 s + half of 20 s) / 86400. */
static void spot_machines_are_down_while_they_are_replaced(void)
{
    struct econ econ = reliable();
    econ.rates[ECON_SPOT].value = 0.1;
    econ.rates[ECON_SPOT_REPLACE].value = 786;
    CHECK_NEAR(units_spot_down_frac(&econ, 8, 8, 20), 0.1 * 1096 / 86400, 1e-12);
    CHECK_NEAR(units_spot_down_frac(&econ, 16, 8, 20), 2 * 0.1 * 1096 / 86400, 1e-12);
}

static void spares_meet_the_target_and_one_fewer_does_not(void)
{
    struct econ econ = reliable();
    /* One replica that is down 0.067 % of the time is up 99.93 %: enough for 99.9 %. */
    CU_ASSERT_EQUAL(units_spares(&econ, 1, 6.7e-4), 0);
    /* Two: (1 - 6.7e-4)^2 = 99.866 %, short; with one spare, at most 1 of 3 down:
     * 1 - 3 * (6.7e-4)^2 = 99.9999 %. */
    CU_ASSERT_EQUAL(units_spares(&econ, 2, 6.7e-4), 1);
    econ.availability_frac = 0.5;
    CU_ASSERT_EQUAL(units_spares(&econ, 2, 6.7e-4), 0);
}

static void spares_are_the_fewest_for_any_size(void)
{
    struct econ econ = reliable();
    for (int64_t n = 1; n < 4000; n = n * 3 + 1) {
        int64_t spares = units_spares(&econ, n, 0.01);
        unsigned all = (unsigned)(n + spares);
        CU_ASSERT_TRUE(gsl_cdf_binomial_P((unsigned)spares, 0.01, all) >= 0.999);
        CU_ASSERT_TRUE(spares == 0 ||
                       gsl_cdf_binomial_P((unsigned)spares - 1, 0.01, all - 1) < 0.999);
    }
    /* Ten million replicas: 10,000 down on average, sd 100, so z = 3.09 sd above. */
    CHECK_NEAR((double)units_spares(&econ, 10000000, 0.001), 10010 + 3.09 * 100, 1e-3);
}

/* Counts that no binomial takes: neither slow nor wrapped around. */
static void availability_is_known_for_any_size(void)
{
    CHECK_NEAR(units_availability(2, 1, 6.7e-4), 1 - 3 * 6.7e-4 * 6.7e-4, 1e-8);
    CHECK_NEAR(units_availability(1, 0, 0.25), 0.75, 1e-12);
    CU_ASSERT_TRUE(units_availability(INT64_C(6000000000), 6100000, 0.001) > 0.999);
    CU_ASSERT_TRUE(units_availability(INT64_C(6000000000), 5900000, 0.001) < 0.001);
    /* Both sides of the change of formula: 1,000 down on average, sd 31.6, 50 more. */
    CHECK_NEAR(units_availability(998950, 1050, 0.001), units_availability(998951, 1050, 0.001),
               1e-3);
}

static void fixed_spares_are_taken_as_given(void)
{
    struct econ econ = reliable();
    econ.spares = 3;
    CU_ASSERT_EQUAL(units_spares(&econ, 2, 0.5), 3);
}

static void the_network_appears_with_the_second_node(void)
{
    struct econ econ = reliable();
    CU_ASSERT_PTR_NULL(units_network_rate(&econ, 1));
    CHECK_NEAR(units_network_rate(&econ, 2)->value, 0.04, 0);
    CHECK_NEAR(units_network_rate(&econ, 128)->value, 0.086, 0);
    CHECK_NEAR(units_network_rate(&econ, 4096)->value, 0.128, 0);
}

static void a_group_larger_than_the_node_is_refused(void)
{
    struct node_spec one = {.name = "one", .n_gpus = 1, .nic_bytes_per_s = 12.5e9};
    struct node_spec eight = {.name = "eight", .n_gpus = 8};
    struct plan_option option = {.gpus_per_replica = 8, .node_gpus = 8};
    char why[120] = "";
    CU_ASSERT_FALSE(units_fit(&option, &one, why, sizeof why));
    CU_ASSERT_PTR_NOT_NULL(strstr(why, "8 GPUs must share a node"));
    CU_ASSERT_TRUE(units_fit(&option, &eight, why, sizeof why));
    option.gpus_per_replica = 16;
    CU_ASSERT_FALSE(units_fit(&option, &eight, why, sizeof why));
    CU_ASSERT_PTR_NOT_NULL(strstr(why, "network"));
}

/* A unit of three instances of 4 GPUs: two units are 6 instances, three servers of 8, and with
 * a spare unit 9, five of them with 4 GPUs left. As one piece of 12 each would take two. */
static void instances_of_a_unit_are_packed_one_by_one(void)
{
    struct plan_share share = {.gpu = "x", .gpus = 12, .instances = 3};
    struct units u = units_pack_share(&share, 2, 0, 8);
    CU_ASSERT_EQUAL(u.nodes, 3);
    CU_ASSERT_EQUAL(u.stranded, 0);
    u = units_pack_share(&share, 2, 1, 8);
    CU_ASSERT_EQUAL(u.replicas, 2);
    CU_ASSERT_EQUAL(u.spares, 1);
    CU_ASSERT_EQUAL(u.nodes, 5);
    CU_ASSERT_EQUAL(u.stranded, 4);
    share.instances = 0;
    CU_ASSERT_EQUAL(units_pack_share(&share, 2, 1, 8).nodes, 6);
}

static void machines_of_two_kinds_add_up(void)
{
    struct units u = units_join(units_pack(4, 3, 1, 8), units_pack(12, 3, 1, 8));
    CU_ASSERT_EQUAL(u.replicas, 3);
    CU_ASSERT_EQUAL(u.nodes, 2 + 8);
    CU_ASSERT_EQUAL(u.prefill_nodes, 8);
    CU_ASSERT_EQUAL(u.gpus, 80);
    CU_ASSERT_EQUAL(u.stranded, 80 - 4 * 16);
}

/* 8 cards of 200 Gb/s for 8 GPUs where 400 Gb/s for each were simulated. */
static void network_cards_must_carry_what_was_simulated(void)
{
    struct node_spec slow = {.name = "slow", .n_gpus = 8, .n_nics = 8, .nic_bytes_per_s = 25e9};
    struct node_spec unknown = {.name = "unknown", .n_gpus = 8};
    struct plan_share share = {.gpus = 8, .nic_bytes_per_s = 50e9};
    char why[160] = "";
    CU_ASSERT_FALSE(units_share_fits(&share, &slow, why, sizeof why));
    CU_ASSERT_STRING_EQUAL(
        why, "what crosses nodes was simulated at 400 Gb/s per GPU, slow has 200");
    CU_ASSERT_FALSE(units_share_fits(&share, &unknown, why, sizeof why));
    CU_ASSERT_PTR_NOT_NULL(strstr(why, "not known"));
    slow.n_nics = 16;
    CU_ASSERT_TRUE(units_share_fits(&share, &slow, why, sizeof why));
    /* a network that the scenario names is believed where nothing is known, also between nodes
     */
    share.nic_named = true;
    CU_ASSERT_TRUE(units_share_fits(&share, &unknown, why, sizeof why));
    share.gpus = 16;
    CU_ASSERT_TRUE(units_share_fits(&share, &unknown, why, sizeof why));
    slow.n_nics = 8;
    CU_ASSERT_FALSE(units_share_fits(&share, &slow, why, sizeof why));
}

/* Cards that are exactly as fast, to rounding, carry it; a spanning replica needs some. */
static void a_node_fits_up_to_its_last_gpu_and_bit(void)
{
    struct node_spec node = {.name = "n", .n_gpus = 8, .n_nics = 8, .nic_bytes_per_s = 50e9};
    struct plan_share share = {.gpus = 8, .node_gpus = 8, .nic_bytes_per_s = 50e9};
    char why[160] = "";
    CU_ASSERT_TRUE(units_share_fits(&share, &node, why, sizeof why));
    share.nic_bytes_per_s = 50e9 * (1 + 1e-10);
    CU_ASSERT_TRUE(units_share_fits(&share, &node, why, sizeof why));
    share.nic_bytes_per_s = 50e9 * (1 + 1e-8);
    CU_ASSERT_FALSE(units_share_fits(&share, &node, why, sizeof why));
    share.nic_bytes_per_s = 0;
    share.node_gpus = 9;
    CU_ASSERT_FALSE(units_share_fits(&share, &node, why, sizeof why));
    CU_ASSERT_STRING_EQUAL(why, "9 GPUs must share a node and n has 8");
    share.node_gpus = 0; /* as many as there are */
    share.gpus = 16;
    CU_ASSERT_TRUE(units_share_fits(&share, &node, why, sizeof why));
    node.nic_bytes_per_s = 0;
    CU_ASSERT_FALSE(units_share_fits(&share, &node, why, sizeof why));
    share.gpus = 8;
    CU_ASSERT_TRUE(units_share_fits(&share, &node, why, sizeof why));
    share.gpus = 16; /* of two instances, each on a node of its own */
    share.instances = 2;
    CU_ASSERT_TRUE(units_share_fits(&share, &node, why, sizeof why));
    CU_ASSERT_EQUAL(units_instance_gpus(&share), 8);
}

/* 127 nodes are small, 4,095 medium. */
static void the_networks_share_grows_with_the_site(void)
{
    struct econ econ = reliable();
    CHECK_NEAR(units_network_rate(&econ, 127)->value, 0.04, 0);
    CHECK_NEAR(units_network_rate(&econ, 4095)->value, 0.086, 0);
}

/* A broken GPU stays away for 3 days, 0.01 a year: 8.2e-5 of the time; a replica over two nodes
 * fails with both. */
static void what_breaks_is_down_until_it_is_repaired(void)
{
    struct econ econ = reliable();
    econ.rates[ECON_FAILURES].value = 0;
    CHECK_NEAR(units_down_frac(&econ, 1, 8), 0.01 * 3 / 365.25, 1e-12);
    CHECK_NEAR(units_down_frac(&econ, 8, 8), 8 * 0.01 * 3 / 365.25, 1e-12);
    econ.rates[ECON_BREAKAGE].value = 0;
    econ.rates[ECON_NODE_FAILURES].value = 0.01;
    CHECK_NEAR(units_down_frac(&econ, 8, 8), 0.01 * 300 / 86400, 1e-12);
    CHECK_NEAR(units_down_frac(&econ, 9, 8), 2 * 0.01 * 300 / 86400, 1e-12);
}

int main(void)
{
    static const struct check_case cases[] = {
        {"two replicas of four fill a server", two_replicas_of_four_fill_a_server_of_eight},
        {"GPUs no replica can use are stranded", gpus_that_no_replica_can_use_are_stranded},
        {"a large replica takes whole nodes", a_large_replica_takes_whole_nodes},
        {"a rack is one unit", a_rack_is_one_unit},
        {"instances of a unit are packed one by one",
         instances_of_a_unit_are_packed_one_by_one},
        {"machines of two kinds add up", machines_of_two_kinds_add_up},
        {"network cards must carry what was simulated",
         network_cards_must_carry_what_was_simulated},
        {"replicas leave the stated headroom", replicas_leave_the_stated_headroom},
        {"down time is that of the worked example", down_time_is_that_of_the_worked_example},
        {"spot machines are down while they are replaced",
         spot_machines_are_down_while_they_are_replaced},
        {"spares meet the target, one fewer does not",
         spares_meet_the_target_and_one_fewer_does_not},
        {"spares are the fewest for any size", spares_are_the_fewest_for_any_size},
        {"availability is known for any size", availability_is_known_for_any_size},
        {"fixed spares are taken as given", fixed_spares_are_taken_as_given},
        {"the network appears with the second node", the_network_appears_with_the_second_node},
        {"a group larger than the node is refused", a_group_larger_than_the_node_is_refused},
        {"a node fits up to its last GPU and bit", a_node_fits_up_to_its_last_gpu_and_bit},
        {"the network's share grows with the site", the_networks_share_grows_with_the_site},
        {"what breaks is down until it is repaired", what_breaks_is_down_until_it_is_repaired},
    };
    return check_main("units", cases, (int)(sizeof cases / sizeof cases[0]));
}
