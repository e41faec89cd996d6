/* SPDX-License-Identifier: GPL-3.0-or-later */
/* search_part.c - see search_part.h. */
#include "sim/plan/search_part.h"

#include <stddef.h>
#include <string.h>

#define AT(member) offsetof(struct capacity_point, member)
/* The numbers of a point, beside its uses of limits. */
static const size_t numbers[] = {AT(rate_rps),
                                 AT(worst),
                                 AT(ttft_s),
                                 AT(tpot_s),
                                 AT(e2e_s),
                                 AT(output_tok_s),
                                 AT(busy_frac),
                                 AT(mfu_frac),
                                 AT(mbu_frac),
                                 AT(batch_mean),
                                 AT(prefill_time_frac),
                                 AT(input_tokens),
                                 AT(hit_tokens),
                                 AT(output_tokens),
                                 AT(decode.busy_frac),
                                 AT(decode.mfu_frac),
                                 AT(decode.mbu_frac),
                                 AT(prefill.busy_frac),
                                 AT(prefill.mfu_frac),
                                 AT(prefill.mbu_frac)};
enum { N_NUMBERS = sizeof numbers / sizeof numbers[0] };
/* the last two ints: two flags and their padding */
_Static_assert(sizeof(struct capacity_point) ==
                   (N_NUMBERS + BIND_N) * sizeof(double) + (BIND_N + 1 + 2) * sizeof(int),
               "a new member belongs in the part of a point");

static void put_point(struct part_writer *w, const struct capacity_point *p)
{
    double nums[N_NUMBERS];
    for (int i = 0; i < N_NUMBERS; i++) {
        memcpy(&nums[i], (const char *)p + numbers[i], sizeof nums[i]);
    }
    part_put_nums(w, "point", nums, N_NUMBERS);
    part_put_nums(w, "use", p->use, BIND_N);
    for (int b = 0; b < BIND_N; b++) {
        part_put_int(w, "class", p->worst_class[b]);
    }
    part_put_int(w, "stable", p->stable);
    part_put_int(w, "met", p->met);
}

static void get_point(struct part_reader *r, int n_classes, struct capacity_point *p)
{
    double nums[N_NUMBERS];
    part_nums(r, "point", nums, N_NUMBERS);
    for (int i = 0; i < N_NUMBERS; i++) {
        memcpy((char *)p + numbers[i], &nums[i], sizeof nums[i]);
    }
    part_nums(r, "use", p->use, BIND_N);
    for (int b = 0; b < BIND_N; b++) {
        p->worst_class[b] = (int)part_int(r, "class", 0, n_classes - 1);
    }
    p->stable = part_int(r, "stable", 0, 1) != 0;
    p->met = part_int(r, "met", 0, 1) != 0;
}

bool capacity_save(const struct parts *parts, int idx, const char *name,
                   const struct capacity *c, struct err *err)
{
    struct part_writer *w = part_create(parts, "candidate", idx, err);
    if (!w) {
        return false;
    }
    part_put_text(w, "candidate", name);
    part_put_nums(w, "rps", (const double[]){c->rps, c->lo, c->hi}, 3);
    part_put_int(w, "bind", c->bind);
    part_put_int(w, "bind_class", c->bind_class);
    put_point(w, &c->at);
    put_point(w, &c->over);
    part_put_int(w, "replications", c->n_replications);
    part_put_int(w, "runs", c->n_runs);
    return part_commit(w, err);
}

/* What was simulated elsewhere or before counts for no footer: n_requests and n_events stay 0.
 */
bool capacity_load(const struct parts *parts, int idx, int n_classes, struct capacity *c,
                   struct err *err)
{
    double rps[3];
    *c = (struct capacity){0};
    struct part_reader *r = part_open(parts, "candidate", idx, err);
    if (!r) {
        return false;
    }
    part_text(r, "candidate");
    part_nums(r, "rps", rps, 3);
    c->rps = rps[0];
    c->lo = rps[1];
    c->hi = rps[2];
    c->bind = (enum bind)part_int(r, "bind", 0, BIND_N - 1);
    c->bind_class = (int)part_int(r, "bind_class", 0, n_classes - 1);
    get_point(r, n_classes, &c->at);
    get_point(r, n_classes, &c->over);
    c->n_replications = (int)part_int(r, "replications", 0, INT32_MAX);
    c->n_runs = (int)part_int(r, "runs", 0, INT32_MAX);
    return part_close(r, err);
}

bool fleet_check_save(const struct parts *parts, int idx, const char *name, double peak_rps,
                      const struct fleet_check *c, struct err *err)
{
    struct part_writer *w = part_create(parts, "fleet", idx, err);
    if (!w) {
        return false;
    }
    part_put_text(w, "candidate", name);
    part_put_int(w, "asked", c->replicas_asked);
    part_put_nums(w, "peak_rps", &peak_rps, 1);
    part_put_int(w, "needed", c->replicas);
    part_put_int(w, "simulated", c->simulated);
    part_put_int(w, "runs", c->n_runs);
    part_put_int(w, "met_at_last", c->met);
    put_point(w, &c->at);
    return part_commit(w, err);
}

bool fleet_check_load(const struct parts *parts, int idx, int n_classes, int64_t replicas,
                      double peak_rps, struct fleet_check *c, struct err *err)
{
    double peak;
    *c = (struct fleet_check){.replicas_asked = replicas};
    struct part_reader *r = part_open(parts, "fleet", idx, err);
    if (!r) {
        return false;
    }
    part_text(r, "candidate");
    part_int(r, "asked", replicas, replicas);
    part_nums(r, "peak_rps", &peak, 1);
    c->replicas = part_int(r, "needed", replicas, INT64_MAX);
    c->simulated = part_int(r, "simulated", 1, c->replicas);
    c->n_runs = (int)part_int(r, "runs", 0, INT32_MAX);
    c->met = part_int(r, "met_at_last", 0, 1) != 0;
    get_point(r, n_classes, &c->at);
    bool ok = part_close(r, err);
    if (ok && peak != peak_rps) {
        return err_set(err, ERR_INPUT, "the part of fleet %d is for another peak", idx);
    }
    return ok;
}
