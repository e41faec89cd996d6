/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rng.h - random streams: xoshiro256** registered as a gsl_rng_type, one named stream per
 * source of randomness. A stream's seed depends on the master seed, its name and the
 * replication index, never on a point, candidate, shard or thread: common random numbers across
 * candidates. */
#ifndef RNG_H
#define RNG_H

#include <gsl/gsl_rng.h>
#include <math.h>
#include <stdint.h>

struct rng {
    uint64_t s[4];
    gsl_rng gsl; /* view for gsl_ran_*: gsl.state points at s; take it with rng_gsl only */
};

extern const gsl_rng_type *const rng_gsl_type;

/* Starts the stream `name` (e.g. "arrivals/chat") of replication rep. */
void rng_init(struct rng *rng, uint64_t seed, const char *name, uint64_t rep);
gsl_rng *rng_gsl(struct rng *rng);               /* valid wherever the struct now lives */
uint64_t rng_below(struct rng *rng, uint64_t n); /* 0..n-1, unbiased; n > 0 */
uint64_t rng_hash(uint64_t x);                   /* splitmix64 finaliser */

/* The next 64 bits. Inline: 1.5 ns a draw against 5.8 through the GSL table. Generator:
 * Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2018; period 2^256
 * - 1. */
static inline uint64_t rng_step(uint64_t s[4])
{
    uint64_t x = s[1] * 5;
    uint64_t result = ((x << 7) | (x >> 57)) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = (s[3] << 45) | (s[3] >> 19);
    return result;
}

static inline uint64_t rng_next(struct rng *rng)
{
    return rng_step(rng->s);
}

static inline double rng_uniform(struct rng *rng) /* [0, 1), 53 bits */
{
    return (double)(int64_t)(rng_next(rng) >> 11) * 0x1p-53;
}

/* Inverse transform. 1 - u is exact and never 0; "0.0 -" because a plain minus would make -0.0
 * of u = 0. */
static inline double rng_exponential(struct rng *rng, double mean)
{
    return 0.0 - mean * log(1.0 - rng_uniform(rng));
}

#endif
