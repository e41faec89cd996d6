/* SPDX-License-Identifier: GPL-3.0-or-later */
/* maintenance.h - planned work on the machines of a deployment: replica after replica in turn,
 * never two at a time, each once every `every_s`. A replica whose turn it is gets no new
 * request. When its last one has ended, and at the latest after drain_s, it is taken out; what
 * it still has then starts over elsewhere as after a failure. The work done it loads its
 * weights and serves again, with an empty cache. Worked (test): 4 replicas without load, each
 * out for 20 s and 5 s of restart every 200 s: 25 / 200 of the time out, availability 87.5 %.
 */
#ifndef MAINTENANCE_H
#define MAINTENANCE_H

#include <stdbool.h>
#include <stdint.h>

struct maintenance_config {
    double every_s;    /* between two turns of one replica; 0: no maintenance */
    double first_s;    /* when the first replica's turn begins */
    double drain_s;    /* at most, for what it is working on; 0: taken out at once */
    double duration_s; /* of the work */
    double restart_s;  /* then, until it serves; of a prefill replica the next */
    double prefill_restart_s;
};

/* Does the turn of each of n replicas end before the next one's begins? */
bool maintenance_fits(const struct maintenance_config *cfg, int n);

enum maintenance_phase { MAINTENANCE_NONE, MAINTENANCE_DRAINING, MAINTENANCE_OUT };

struct maintenance {
    struct maintenance_config cfg;
    int n;           /* replicas */
    int64_t n_turns; /* begun so far */
    bool stopped;    /* no turn begins any more */
    enum maintenance_phase phase;
    int replica;       /* whose turn it is; -1: none's */
    double deadline_s; /* of the drain */
    double out_from_s;
    double next_s; /* of the next change, or look at what drains; INFINITY: never */
};

/* The turns must fit. */
void maintenance_init(struct maintenance *m, const struct maintenance_config *cfg, int n);
/* At next_s, by phase: NONE: the next replica begins to drain. */
void maintenance_begin(struct maintenance *m);
/* DRAINING: it still has requests, and is looked at again. */
void maintenance_wait(struct maintenance *m);
/* DRAINING: it is taken out; is_prefill: which restart it takes. */
void maintenance_take_out(struct maintenance *m, bool is_prefill);
/* OUT: it serves again. */
void maintenance_end(struct maintenance *m);
/* The turn that has begun, if any, is the last. */
void maintenance_stop(struct maintenance *m);

#endif
