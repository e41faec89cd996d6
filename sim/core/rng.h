/* rng.h - random streams: xoshiro256** registered as a gsl_rng_type, one named stream per source of
 * randomness. A stream's seed depends on the master seed, its name and the replication index, never
 * on a point, candidate, shard or thread: common random numbers across candidates. */
#ifndef RNG_H
#define RNG_H

#include <gsl/gsl_rng.h>
#include <stdint.h>

struct rng {
    uint64_t s[4];
    gsl_rng gsl; /* view for gsl_ran_*: gsl.state points at s */
};

extern const gsl_rng_type *const rng_gsl_type;

/* Starts the stream `name` (e.g. "arrivals/chat") of replication rep. */
void rng_init(struct rng *rng, uint64_t seed, const char *name, uint64_t rep);
gsl_rng *rng_gsl(struct rng *rng); /* valid wherever the struct now lives */
uint64_t rng_next(struct rng *rng);
double rng_uniform(struct rng *rng);          /* [0, 1), 53 bits */
double rng_exponential(struct rng *rng, double mean);
uint64_t rng_below(struct rng *rng, uint64_t n); /* 0..n-1, unbiased */
uint64_t rng_hash(uint64_t x);                /* splitmix64 finaliser */

#endif
