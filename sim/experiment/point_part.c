/* SPDX-License-Identifier: GPL-3.0-or-later */
/* point_part.c - see point_part.h. */
#include "sim/experiment/point_part.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char KIND[] = "point";

enum {
    CLASS_NUMS = 2 * MEASURE_N,
    BIN_NUMS = sizeof(struct timeline_bin) / sizeof(double),
    SIDE_NUMS = OP_N + 2 + COMM_N,
    MAX_LINKS = 1 << 21,
};
_Static_assert(sizeof(struct side_time) == SIDE_NUMS * sizeof(double), "times are numbers");
_Static_assert(sizeof(struct estimate[MEASURE_N]) == CLASS_NUMS * sizeof(double),
               "an estimate is two numbers");
_Static_assert(sizeof(struct timeline_bin) == BIN_NUMS * sizeof(double), "a bin is numbers");

static void put_timeline(struct part_writer *w, const struct timeline *t)
{
    double bin[BIN_NUMS];
    part_put_int(w, "bins", t ? t->n_bins : -1);
    if (!t) {
        return;
    }
    part_put_int(w, "replicas", t->n_replicas);
    part_put_int(w, "prefill", t->n_prefill);
    part_put_nums(w, "width_s", &t->width_s, 1);
    for (int i = 0; i < t->n_bins; i++) {
        memcpy(bin, &t->bins[i], sizeof bin);
        part_put_nums(w, "bin", bin, BIN_NUMS);
    }
}

static void put_links(struct part_writer *w, const struct point *p)
{
    part_put_int(w, "links", p->n_links);
    for (int i = 0; i < p->n_links; i++) {
        const struct link_use *l = &p->links[i];
        const double nums[] = {l->replica, l->rank, l->bytes, l->bytes_per_s};
        part_put_nums(w, "link", nums, 4);
    }
}

static void put_side(struct part_writer *w, const char *name, const struct side_time *t)
{
    double nums[SIDE_NUMS];
    memcpy(nums, t, sizeof nums);
    part_put_nums(w, name, nums, SIDE_NUMS);
}

bool point_save(const struct experiment *e, int idx, const struct parts *parts, struct err *err)
{
    const struct point *p = &e->points[idx];
    double nums[CLASS_NUMS];
    struct part_writer *w = part_create(parts, KIND, idx, err);
    if (!w) {
        return false;
    }
    part_put_text(w, "deployment", e->systems[p->system_idx].spec.name);
    part_put_text(w, "load", p->load);
    part_put_int(w, "stable", p->stable);
    put_side(w, "decode_s", &p->decode);
    put_side(w, "prefill_s", &p->prefill);
    part_put_nums(w, "end_s", &p->end_s, 1);
    put_links(w, p);
    for (int c = 0; c <= e->scenario->n_classes; c++) {
        memcpy(nums, p->values[c], sizeof nums);
        part_put_nums(w, "class", nums, CLASS_NUMS);
    }
    put_timeline(w, p->timeline);
    return part_commit(w, err);
}

static struct timeline *get_timeline(struct part_reader *r)
{
    double bin[BIN_NUMS];
    int n_bins = (int)part_int(r, "bins", -1, TIMELINE_BINS);
    if (n_bins < 0) {
        return NULL;
    }
    struct timeline *t = xcalloc(1, sizeof *t);
    t->n_bins = n_bins;
    t->n_replicas = (int)part_int(r, "replicas", 1, INT32_MAX);
    t->n_prefill = (int)part_int(r, "prefill", 0, t->n_replicas - 1);
    part_nums(r, "width_s", &t->width_s, 1);
    for (int i = 0; i < n_bins; i++) {
        part_nums(r, "bin", bin, BIN_NUMS);
        memcpy(&t->bins[i], bin, sizeof bin);
    }
    return t;
}

static void get_links(struct part_reader *r, struct point *p)
{
    double nums[4];
    p->n_links = (int)part_int(r, "links", 0, MAX_LINKS);
    p->links = p->n_links > 0 ? xcalloc((size_t)p->n_links, sizeof *p->links) : NULL;
    for (int i = 0; i < p->n_links; i++) {
        part_nums(r, "link", nums, 4);
        p->links[i] = (struct link_use){.replica = isnan(nums[0]) ? -1 : (int)nums[0],
                                        .rank = isnan(nums[1]) ? -1 : (int)nums[1],
                                        .bytes = nums[2],
                                        .bytes_per_s = nums[3]};
    }
}

static void get_side(struct part_reader *r, const char *name, struct side_time *t)
{
    double nums[SIDE_NUMS];
    part_nums(r, name, nums, SIDE_NUMS);
    memcpy(t, nums, sizeof nums);
}

void point_drop(struct point *p)
{
    free(p->values);
    free(p->timeline);
    free(p->links);
    p->values = NULL;
    p->timeline = NULL;
    p->links = NULL;
}

bool point_load(const struct experiment *e, int idx, const struct parts *parts, struct point *p,
                struct err *err)
{
    double nums[CLASS_NUMS];
    size_t classes = (size_t)e->scenario->n_classes + 1;
    *p = e->points[idx];
    struct part_reader *r = part_open(parts, KIND, idx, err);
    if (!r) {
        return false;
    }
    part_text(r, "deployment");
    part_text(r, "load");
    p->stable = part_int(r, "stable", 0, 1) != 0;
    get_side(r, "decode_s", &p->decode);
    get_side(r, "prefill_s", &p->prefill);
    part_nums(r, "end_s", &p->end_s, 1);
    get_links(r, p);
    p->values = xcalloc(classes, sizeof *p->values);
    for (size_t c = 0; c < classes; c++) {
        part_nums(r, "class", nums, CLASS_NUMS);
        memcpy(p->values[c], nums, sizeof nums);
    }
    p->timeline = get_timeline(r);
    p->done = part_close(r, err);
    if (!p->done) {
        point_drop(p);
    }
    return p->done;
}
