/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/serve/link.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/mem.h"

/* What is left of a flow at its computed end is rounding. */
static const double DONE_BYTES = 1e-3;

struct flow {
    double left_bytes, bytes_per_s;
    int path[LINK_MAX_PATH];
    int n_path;
    int64_t data;
    bool fixed; /* scratch of the filling */
};

struct link_net {
    int n_links;
    double *capacity, *carried, *free_rate; /* free_rate, users, used: scratch of the filling */
    int *users;
    int *used; /* links that some flow crosses */
    int n_used;
    struct flow *flows; /* in order of start */
    int n_flows, cap_flows;
    double now_s;
};

struct link_net *link_net_new(int n_links, const double *bytes_per_s)
{
    struct link_net *net = xcalloc(1, sizeof *net);
    size_t n = (size_t)n_links;
    net->n_links = n_links;
    net->capacity = xcalloc(n, sizeof *net->capacity);
    net->carried = xcalloc(n, sizeof *net->carried);
    net->free_rate = xcalloc(n, sizeof *net->free_rate);
    net->users = xcalloc(n, sizeof *net->users);
    net->used = xcalloc(n, sizeof *net->used);
    for (int i = 0; i < n_links; i++) {
        ASSERT(bytes_per_s[i] > 0.0);
        net->capacity[i] = bytes_per_s[i];
    }
    return net;
}

void link_net_free(struct link_net *net)
{
    if (net) {
        free(net->capacity);
        free(net->carried);
        free(net->free_rate);
        free(net->users);
        free(net->used);
        free(net->flows);
        free(net);
    }
}

/* ---- sharing
 * ------------------------------------------------------------------------------------- */

/* The link whose equal share among its unfixed flows is smallest; -1 when all flows are fixed.
 */
static int tightest(const struct link_net *net, double *share)
{
    int best = -1;
    *share = INFINITY;
    for (int i = 0; i < net->n_used; i++) {
        int l = net->used[i];
        if (net->users[l] > 0 && net->free_rate[l] / net->users[l] < *share) {
            *share = net->free_rate[l] / net->users[l];
            best = l;
        }
    }
    return best;
}

static bool crosses(const struct flow *f, int link)
{
    for (int i = 0; i < f->n_path; i++) {
        if (f->path[i] == link) {
            return true;
        }
    }
    return false;
}

static void fix_rate(struct link_net *net, struct flow *f, double rate)
{
    f->fixed = true;
    f->bytes_per_s = rate;
    for (int i = 0; i < f->n_path; i++) {
        net->free_rate[f->path[i]] = fmax(0.0, net->free_rate[f->path[i]] - rate);
        net->users[f->path[i]]--;
    }
}

/* Who crosses which link, with its whole capacity to share. */
static void count_users(struct link_net *net)
{
    net->n_used = 0;
    for (int i = 0; i < net->n_flows; i++) {
        struct flow *f = &net->flows[i];
        f->fixed = false;
        for (int k = 0; k < f->n_path; k++) {
            int l = f->path[k];
            if (net->users[l]++ == 0) {
                net->used[net->n_used++] = l;
                net->free_rate[l] = net->capacity[l];
            }
        }
    }
}

/* Progressive filling: the tightest link fixes the rate of all flows that cross it, and so on,
 * until no flow is left and users are 0 again. */
static void share_out(struct link_net *net)
{
    count_users(net);
    double share;
    int link;
    while ((link = tightest(net, &share)) >= 0) {
        for (int i = 0; i < net->n_flows; i++) {
            struct flow *f = &net->flows[i];
            if (!f->fixed && crosses(f, link)) {
                fix_rate(net, f, share);
            }
        }
    }
}

/* ---- time
 * ------------------------------------------------------------------------------------------ */

static void advance(struct link_net *net, double now_s)
{
    double dt = now_s - net->now_s;
    ASSERT(dt >= 0.0);
    for (int i = 0; i < net->n_flows; i++) {
        struct flow *f = &net->flows[i];
        double moved = fmin(f->left_bytes, f->bytes_per_s * dt);
        f->left_bytes -= moved;
        for (int k = 0; k < f->n_path; k++) {
            net->carried[f->path[k]] += moved;
        }
    }
    net->now_s = now_s;
}

void link_start(struct link_net *net, double now_s, double bytes, const int *path, int n,
                int64_t data)
{
    ASSERT(n > 0 && n <= LINK_MAX_PATH && bytes >= 0.0);
    advance(net, now_s);
    ARRAY_RESERVE(net->flows, net->cap_flows, net->n_flows + 1);
    struct flow *f = &net->flows[net->n_flows++];
    *f = (struct flow){.left_bytes = bytes, .n_path = n, .data = data};
    for (int i = 0; i < n; i++) {
        ASSERT(path[i] >= 0 && path[i] < net->n_links);
        f->path[i] = path[i];
    }
    share_out(net);
}

static int first_to_end(const struct link_net *net, double *at_s)
{
    int first = -1;
    *at_s = INFINITY;
    for (int i = 0; i < net->n_flows; i++) {
        const struct flow *f = &net->flows[i];
        double left = f->left_bytes <= DONE_BYTES ? 0.0 : f->left_bytes / f->bytes_per_s;
        if (net->now_s + left < *at_s) {
            *at_s = net->now_s + left;
            first = i;
        }
    }
    return first;
}

double link_next_s(const struct link_net *net)
{
    double at;
    first_to_end(net, &at);
    return at;
}

static void remove_flow(struct link_net *net, int i)
{
    memmove(&net->flows[i], &net->flows[i + 1],
            (size_t)(net->n_flows - i - 1) * sizeof *net->flows);
    net->n_flows--;
    share_out(net);
}

bool link_pop(struct link_net *net, double *time_s, int64_t *data)
{
    int i = first_to_end(net, time_s);
    if (i < 0) {
        return false;
    }
    *data = net->flows[i].data;
    advance(net, *time_s);
    remove_flow(net, i);
    return true;
}

bool link_cancel(struct link_net *net, double now_s, int64_t data)
{
    for (int i = 0; i < net->n_flows; i++) {
        if (net->flows[i].data == data) {
            advance(net, now_s);
            remove_flow(net, i);
            return true;
        }
    }
    return false;
}

void link_set_capacity(struct link_net *net, double now_s, int link, double bytes_per_s)
{
    ASSERT(link >= 0 && link < net->n_links && bytes_per_s >= 0.0);
    advance(net, now_s);
    net->capacity[link] = bytes_per_s;
    share_out(net);
}

int link_flows(const struct link_net *net)
{
    return net->n_flows;
}

double link_rate(const struct link_net *net, int flow)
{
    ASSERT(flow >= 0 && flow < net->n_flows);
    return net->flows[flow].bytes_per_s;
}

double link_capacity(const struct link_net *net, int link)
{
    return net->capacity[link];
}

double link_bytes(const struct link_net *net, int link)
{
    return net->carried[link];
}

double link_load(const struct link_net *net, int link)
{
    double load = 0.0;
    for (int i = 0; i < net->n_flows; i++) {
        load += crosses(&net->flows[i], link) ? net->flows[i].bytes_per_s : 0.0;
    }
    return load;
}
