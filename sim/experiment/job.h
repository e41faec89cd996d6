/* SPDX-License-Identifier: GPL-3.0-or-later */
/* job.h - what all parts of one run share. Results of two jobs that differ in any of it must
 * not be mixed: the tables would not be those of any run. */
#ifndef JOB_H
#define JOB_H

#include <stdint.h>

#include "scenarios/scenario.h"
#include "sim/base/err.h"
#include "sim/base/mem.h"

struct job {
    const char *command; /* run, sweep, plan */
    const char *version; /* of the program, with its commit */
    int64_t seed;
    uint64_t scenario;  /* every value as resolved, and the content of the files they name */
    uint64_t catalogue; /* the content of the catalogue */
    uint64_t libm;      /* hash_libm */
};

/* dirs: of the catalogue, the first wins. False with err when a file cannot be read. */
bool job_init(struct arena *arena, const struct scenario *sc, const char *const *dirs,
              int n_dirs, struct job *job, struct err *err);

#endif
