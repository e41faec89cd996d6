/* SPDX-License-Identifier: GPL-3.0-or-later */
/* links.c - the links that KV crosses between prefill and decode replicas: what each carried
 * and how much of its time it was in use. */
#include "sim/base/csvio.h"
#include "sim/report/tables.h"

bool tables_have_links(const struct experiment *e)
{
    for (int i = 0; i < e->n_points; i++) {
        if (e->points[i].done && e->prefills[e->points[i].system_idx].n_replicas > 0) {
            return true;
        }
    }
    return false;
}

static const char *direction(const struct experiment *e, const struct point *p,
                             const struct link_use *link)
{
    if (link->replica < 0) {
        return "spine";
    }
    return link->replica < e->prefills[p->system_idx].n_replicas ? "out" : "in";
}

static void put_link(struct csv_writer *w, const struct experiment *e, const struct point *p,
                     const struct link_use *link)
{
    csv_put(w, e->systems[p->system_idx].spec.name);
    csv_put(w, p->load);
    csv_put(w, e->prefills[p->system_idx].network);
    csv_put(w, direction(e, p, link));
    if (link->replica < 0) {
        csv_put(w, "");
        csv_put(w, "");
    } else {
        csv_put_int(w, link->replica);
        csv_put_int(w, link->rank);
    }
    csv_put_num(w, link->bytes);
    csv_put_num(w, link->bytes_per_s);
    csv_put_num(w, p->end_s > 0.0 ? link->bytes / (link->bytes_per_s * p->end_s) : 0.0);
    csv_end_row(w);
}

static void put_links(struct csv_writer *w, const struct experiment *e, const struct point *p)
{
    for (int i = 0; i < p->n_links; i++) {
        put_link(w, e, p, &p->links[i]);
    }
}

bool tables_write_links(const struct experiment *e, const char *path, struct err *err)
{
    static const char *const cols[] = {"deployment", "load",        "network",
                                       "direction",  "replica",     "rank",
                                       "bytes",      "bytes_per_s", "utilisation_frac"};
    struct csv_writer *w = csv_create(path, err);
    if (!w) {
        return false;
    }
    csv_put_all(w, cols, sizeof cols / sizeof cols[0]);
    csv_end_row(w);
    return tables_put_points(w, e, put_links, err) && csv_close(w, err);
}
