/* SPDX-License-Identifier: GPL-3.0-or-later */
/* opfit_law.h - what kernel calibration needs to know of one law. Internal to opfit. */
#ifndef OPFIT_LAW_H
#define OPFIT_LAW_H

#include "sim/fit/optable.h"
#include "sim/fit/robust.h"

/* The rows of one set, ready to fit. */
struct opfit_problem {
    struct robust_data data;
    double *measured_s, *weight;
    uint64_t *shape;
    void *ctx; /* of data.law */
    int n_shapes, n_floor, n_skipped;
    bool launch_bound;
};

struct opfit_law {
    const char *const *columns; /* of the parameters, in the order of x */
    /* Fills problem->data.{n_params, params, law}, problem->ctx and sizes; adds the usable
     * points. */
    void (*prepare)(const struct op_set *set, struct opfit_problem *problem);
};

extern const struct opfit_law opfit_gemm_law, opfit_decode_law, opfit_prefill_law,
    opfit_moe_law;

/* Room for the points of a set. */
void opfit_problem_init(struct opfit_problem *problem, const struct op_set *set);
void opfit_problem_fini(struct opfit_problem *problem);
/* Adds a row; false when it is faster than floor_s and was counted as such. */
bool opfit_problem_add(struct opfit_problem *problem, const struct op_point *point,
                       double floor_s, double weight, uint64_t shape);
/* Hash of a shape from up to five sizes. */
uint64_t opfit_shape(double a, double b, double c, double d, double e);

#endif
