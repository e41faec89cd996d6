/* SPDX-License-Identifier: GPL-3.0-or-later */
/* links.c - what links carried and how much of their bandwidth was in use: those that KV
 * crosses between prefill and decode replicas, one by one, and those over which the GPUs of a
 * replica work together, as the mean over all alike. */
#include "sim/base/csvio.h"
#include "sim/report/tables.h"

static const char *const traffic_names[COMM_N] = {"tensor", "experts", "experts", "stages",
                                                  "stages"};

/* The kinds of replica of a point: decode (or all), and prefill. */
struct side {
    const char *role;
    const struct system *system;
    const struct side_time *time;
    int n_replicas;
};

static int sides_of(const struct experiment *e, const struct point *p, struct side sides[2])
{
    const struct prefill_side *prefill = &e->prefills[p->system_idx];
    const struct system *s = &e->systems[p->system_idx];
    bool two = prefill->n_replicas > 0;
    sides[0] = (struct side){two ? "decode" : "both", s, &p->decode,
                             experiment_replicas(e, p->system_idx)};
    sides[1] = (struct side){"prefill", &prefill->system, &p->prefill, prefill->n_replicas};
    return two ? 2 : 1;
}

bool tables_have_links(const struct experiment *e)
{
    for (int i = 0; i < e->n_points; i++) {
        const struct point *p = &e->points[i];
        struct side sides[2];
        int n = p->done ? sides_of(e, p, sides) : 0;
        for (int s = 0; s < n; s++) {
            if (n == 2 || sides[s].system->n_gpus > 1) {
                return true;
            }
        }
    }
    return false;
}

/* ---- KV transfers ---------------------------------------------------------------------------
 */

static const char *direction(const struct experiment *e, const struct point *p,
                             const struct link_use *link)
{
    if (link->replica < 0) {
        return "spine";
    }
    return link->replica < e->prefills[p->system_idx].n_replicas ? "out" : "in";
}

static const char *role(const char *direction)
{
    return direction[0] == 'o' ? "prefill" : direction[0] == 'i' ? "decode" : "";
}

static void put_start(struct csv_writer *w, const struct experiment *e, const struct point *p,
                      const char *role_name, const char *traffic)
{
    csv_put(w, e->systems[p->system_idx].spec.name);
    csv_put(w, p->load);
    csv_put(w, role_name);
    csv_put(w, traffic);
}

static void put_kv_link(struct csv_writer *w, const struct experiment *e, const struct point *p,
                        const struct link_use *link)
{
    const char *way = direction(e, p, link);
    put_start(w, e, p, role(way), "kv");
    csv_put(w, e->prefills[p->system_idx].network);
    csv_put(w, way);
    if (link->replica < 0) {
        csv_put(w, "");
        csv_put(w, "");
    } else {
        csv_put_int(w, link->replica);
        csv_put_int(w, link->rank);
    }
    csv_put_int(w, 1);
    csv_put_num(w, link->bytes);
    csv_put_num(w, link->bytes_per_s);
    csv_put_num(w, p->end_s > 0.0 ? link->bytes / (link->bytes_per_s * p->end_s) : 0.0);
    csv_end_row(w);
}

/* ---- collectives and hops -------------------------------------------------------------------
 */

static void put_traffic(struct csv_writer *w, const struct experiment *e, const struct point *p,
                        const struct side *side, int traffic)
{
    const struct side_time *t = side->time;
    bool network = comm_is_network((enum comm_traffic)traffic);
    const struct network_ports *ports = &side->system->ports;
    const struct network_port *port = network ? &ports->network : &ports->scaleup;
    double alone[COMM_N] = {0.0};
    alone[traffic] = t->comm_bytes[traffic];
    put_start(w, e, p, side->role, traffic_names[traffic]);
    csv_put(w, port->name);
    csv_put(w, "out");
    csv_put(w, "");
    csv_put(w, "");
    csv_put_int(w, (int64_t)side->n_replicas * side->system->n_gpus);
    csv_put_num(w, t->comm_bytes[traffic] / side->n_replicas);
    csv_put_num(w, port->bytes_per_s);
    csv_put_num(w, network_port_use(ports, network, alone, t->total_s));
    csv_end_row(w);
}

static void put_side(struct csv_writer *w, const struct experiment *e, const struct point *p,
                     const struct side *side)
{
    for (int i = 0; i < COMM_N; i++) {
        if (side->time->comm_bytes[i] > 0.0) {
            put_traffic(w, e, p, side, i);
        }
    }
}

static void put_links(struct csv_writer *w, const struct experiment *e, const struct point *p)
{
    struct side sides[2];
    int n = sides_of(e, p, sides);
    for (int i = n - 1; i >= 0; i--) { /* prefill first, as everywhere */
        put_side(w, e, p, &sides[i]);
    }
    for (int i = 0; i < p->n_links; i++) {
        put_kv_link(w, e, p, &p->links[i]);
    }
}

bool tables_write_links(const struct experiment *e, const char *path, struct err *err)
{
    static const char *const cols[] = {
        "deployment", "load", "role",  "traffic", "network",     "direction",
        "replica",    "rank", "links", "bytes",   "bytes_per_s", "utilisation_frac"};
    struct csv_writer *w = csv_create(path, err);
    if (!w) {
        return false;
    }
    csv_put_all(w, cols, sizeof cols / sizeof cols[0]);
    csv_end_row(w);
    return tables_put_points(w, e, put_links, err) && csv_close(w, err);
}
