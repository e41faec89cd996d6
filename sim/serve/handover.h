/* SPDX-License-Identifier: GPL-3.0-or-later */
/* handover.h - prefill/decode disaggregation: the KV of a computed prompt moves from its
 * prefill replica to memory reserved on a decode replica, over links that all transfers share
 * max-min fairly (link.h).
 *
 * A prompt takes the decode replica with the fewest requests that has room on a rank of which a
 * network card works. When none has, it waits in order of its prompt's end, and its KV stays on
 * the prefill side, whose memory fills up: back-pressure without loss. Every rank has a link
 * out (prefill) or in (decode) of its GPUs' network cards together, and all cross a spine when
 * the fabric is oversubscribed.
 *
 * bulk: the transfer starts when the prompt is computed. layered: it starts with the step that
 * computes the last of the prompt, so that only the last layer's bytes are left at its end
 * (at the full rate, also where a link has failed).
 *
 * The cards of a pipeline's stages count together, each stage having its part of the layers to
 * send or to take (as if stages stood in for each other where a link has failed). Layered, its
 * transfer starts with the work of the last stage: the stages before have the same bytes to
 * send over as many cards, and began earlier. The last layer has the cards of one stage. */
#ifndef HANDOVER_H
#define HANDOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/serve/replica.h"

enum handover_mode { HANDOVER_BULK, HANDOVER_LAYERED };

struct handover_config {
    enum handover_mode mode;
    struct kv_layout kv;    /* of one GPU of a decode rank, all stages of a pipeline together */
    double out_bytes_per_s; /* of one prefill rank, all its GPUs, reachable */
    double in_bytes_per_s;  /* of one decode rank */
    double spine_bytes_per_s; /* all transfers together; 0: no limit */
    double setup_s;           /* before the first byte: handshake, descriptors */
    int copies; /* GPUs of a decode rank (of one stage): each receives its shard (or copy) */
    int n_layers;
};

struct handover_stats {
    int64_t n_landed;
    double wait_s; /* summed: from the end of the prompt to its KV on the decode side */
    double bytes;
};

struct handover;
/* Replicas [0, n_prefill) are prefill, [n_prefill, n_replicas) decode. All is borrowed. */
struct handover *handover_new(const struct handover_config *cfg, struct request_pool *pool,
                              struct replica *replicas, int n_prefill, int n_replicas);
void handover_free(struct handover *h);

/* The last of a prompt is computed on replica `from` from at_s on (computed false; layered
 * only; of a pipeline at_s may be to come), or by now. */
void handover_prompt(struct handover *h, int from, int from_rank, int32_t request,
                     bool computed, double at_s);
/* When the next transfer starts, ends or lands; INFINITY when none is under way. */
double handover_next_s(const struct handover *h);
/* What happens at handover_next_s. */
void handover_step(struct handover *h);
/* Memory may have come free on the decode side: those that wait are tried again. */
void handover_retry(struct handover *h, double now_s);
/* Replica i fails, or is back (up). What it was sending is lost and goes to `lost` to start
 * over; what it was to receive waits for another. Before replica_evacuate. */
void handover_fail(struct handover *h, int i, double now_s, struct request_queue *lost);
void handover_return(struct handover *h, int i, double now_s);
/* Decode replica i takes prompts, or (drained, not there yet) no new ones; what is on its way
 * to it still lands. */
void handover_open(struct handover *h, int i, bool open, double now_s);

/* Share of a link's network cards that works: 1 all, 0 none: what is on its way stands still.
 * Links as of handover_link. */
void handover_set_link(struct handover *h, int link, double up_frac, double now_s);

int64_t handover_waiting(const struct handover *h);  /* for memory on the decode side */
int64_t handover_underway(const struct handover *h); /* waiting ones included */
const struct handover_stats *handover_stats(const struct handover *h);

/* One link under transfers, what it carried and could carry; replica and rank -1: the spine. */
struct link_use {
    int replica, rank;
    double bytes, bytes_per_s;
};
/* Links 0 .. n - 1: prefill ranks, decode ranks, spine; as they are when nothing has failed. */
int handover_n_links(const struct handover *h);
struct link_use handover_link(const struct handover *h, int link);

#endif
