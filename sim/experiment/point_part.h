/* SPDX-License-Identifier: GPL-3.0-or-later */
/* point_part.h - a finished point as a part: everything the tables show of it. */
#ifndef POINT_PART_H
#define POINT_PART_H

#include "sim/experiment/experiment.h"
#include "sim/experiment/parts.h"

/* e->points[idx], done, with its values. */
bool point_save(const struct experiment *e, int idx, const struct parts *parts,
                struct err *err);
/* Fills the results of *p, a copy of e->points[idx]; values, timeline and links are then the
 * caller's to drop. */
bool point_load(const struct experiment *e, int idx, const struct parts *parts, struct point *p,
                struct err *err);
/* Frees values, timeline and links: those of a point that is over, or is on disk. */
void point_drop(struct point *p);

#endif
