/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rng.c - seeding of the streams, and xoshiro256** behind GSL's generator table, so that every
 * gsl_ran_* draws from the same stream as the inline functions of rng.h. 32 bytes of state per
 * stream. */
#include "sim/core/rng.h"

#include <limits.h>

#include "sim/base/mem.h"

_Static_assert(sizeof(unsigned long) == sizeof(uint64_t), "gsl_rng_get must carry 64 bits");

static const uint64_t golden_gamma = 0x9e3779b97f4a7c15u; /* splitmix64's step */

uint64_t rng_hash(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* Four successive splitmix64 outputs: distinct, so the forbidden all-zero state cannot arise.
 */
static void state_fill(uint64_t s[4], uint64_t x)
{
    for (int i = 0; i < 4; i++) {
        x += golden_gamma;
        s[i] = rng_hash(x);
    }
}

static void gsl_set(void *state, unsigned long seed)
{
    state_fill(state, seed);
}

static unsigned long gsl_get(void *state)
{
    return rng_step(state);
}

static double gsl_get_double(void *state)
{
    return (double)(int64_t)(rng_step(state) >> 11) * 0x1p-53;
}

static const gsl_rng_type xoshiro_type = {
    .name = "xoshiro256**",
    .max = ULONG_MAX,
    .min = 0,
    .size = sizeof(uint64_t[4]),
    .set = gsl_set,
    .get = gsl_get,
    .get_double = gsl_get_double,
};

const gsl_rng_type *const rng_gsl_type = &xoshiro_type;

gsl_rng *rng_gsl(struct rng *rng)
{
    rng->gsl.type = rng_gsl_type;
    rng->gsl.state = rng->s;
    return &rng->gsl;
}

/* FNV-1a, 64 bits. */
static uint64_t hash_name(const char *name)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (; *name; name++) {
        h = (h ^ (unsigned char)*name) * 0x100000001b3u;
    }
    return h;
}

void rng_init(struct rng *rng, uint64_t seed, const char *name, uint64_t rep)
{
    uint64_t x = rng_hash(seed + golden_gamma);
    x = rng_hash((x ^ hash_name(name)) + golden_gamma);
    x = rng_hash((x ^ rep) + golden_gamma);
    state_fill(rng->s, x);
    rng_gsl(rng);
}

__extension__ typedef unsigned __int128 wide;

/* Lemire, "Fast random integer generation in an interval", 2019: the high half of draw * n,
 * drawing again in the rare case that would favour some values. */
uint64_t rng_below(struct rng *rng, uint64_t n)
{
    ASSERT(n > 0);
    wide product = (wide)rng_next(rng) * n;
    if ((uint64_t)product < n) {
        uint64_t threshold = (0 - n) % n;
        while ((uint64_t)product < threshold) {
            product = (wide)rng_next(rng) * n;
        }
    }
    return (uint64_t)(product >> 64);
}
