/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tandem.h - a tandem queue: the engine core, which plans one micro-batch at a time, and behind
 * it the stages of a pipeline. All are served in order of arrival, so when a micro-batch joins,
 * its whole way is known. A hop delays a micro-batch and keeps no stage busy (sends are
 * asynchronous). */
#ifndef TANDEM_H
#define TANDEM_H

struct tandem {
    int n_stages;
    double core_free_s;
    double *free_s; /* [n_stages]: when each has done everything sent so far */
};
struct tandem_way {
    double end_s;    /* leaves the last stage */
    double waited_s; /* the first stage stood idle while the core worked on this one */
};

void tandem_init(struct tandem *t, int n_stages);
void tandem_fini(struct tandem *t);
/* Forgets everything under way. */
void tandem_clear(struct tandem *t);
/* A micro-batch joins at now_s (>= those before): core_s in the core, service_s[n_stages], and
 * hop_s[n_stages - 1] behind each stage but the last. Worked (test): free, core 1, stages 2 and
 * 3, hop 0.5: it leaves at now + 6.5; a second one at once leaves 3 later. */
struct tandem_way tandem_join(struct tandem *t, double now_s, double core_s,
                              const double *service_s, const double *hop_s);

#endif
