/* routings.h - routings of experts that were drawn before. One takes some 10 ms, depends on its
 * configuration alone and does not change, so that candidates and rows share them. */
#ifndef ROUTINGS_H
#define ROUTINGS_H

#include "sim/base/mem.h"
#include "sim/cost/moe.h"

/* Usable from several threads. Lives as long as the arena. */
struct routings;
struct routings *routings_new(struct arena *arena);
/* The routing of this configuration, drawn on first use. Borrowed. */
const struct moe_routing *routings_get(struct routings *all, const struct experts_config *cfg);

#endif
