/* SPDX-License-Identifier: GPL-3.0-or-later */
/* link.h - long transfers (KV caches, weights) over shared links. Every flow crosses one or
 * more links; bandwidth is shared max-min fairly (progressive filling) and recomputed when a
 * flow starts or ends. Collectives inside an iteration are not flows: they last microseconds
 * and use the share they find. Complexity: O(links in use x flows) per start or end. */
#ifndef LINK_H
#define LINK_H

#include <stdbool.h>
#include <stdint.h>

enum { LINK_MAX_PATH = 4 };

struct link_net;
/* n_links links of bytes_per_s[n_links]. Heap; link_net_free. */
struct link_net *link_net_new(int n_links, const double *bytes_per_s);
void link_net_free(struct link_net *net);

/* Starts a transfer at now_s (not before the last event told) over path[n]; data is given back
 * when it ends. A flow of no bytes ends at once. */
void link_start(struct link_net *net, double now_s, double bytes, const int *path, int n,
                int64_t data);
/* When the next flow ends; INFINITY when none runs. */
double link_next_s(const struct link_net *net);
/* Takes the flow that ends at link_next_s. Ties: in order of start. False when none runs. */
bool link_pop(struct link_net *net, double *time_s, int64_t *data);
/* Ends the first flow that carries `data` before its time; what it has moved stays counted.
 * False when none does. */
bool link_cancel(struct link_net *net, double now_s, int64_t data);

/* A link changes at now_s: 0 stalls what crosses it until it changes again. */
void link_set_capacity(struct link_net *net, double now_s, int link, double bytes_per_s);

int link_flows(const struct link_net *net);
double link_rate(const struct link_net *net, int flow); /* current bytes/s of a running flow */
double link_capacity(const struct link_net *net, int link); /* bytes/s */
/* Bytes carried and time-weighted use of a link up to the last event. */
double link_bytes(const struct link_net *net, int link);
double link_load(const struct link_net *net, int link); /* current bytes/s */

#endif
