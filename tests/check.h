/* SPDX-License-Identifier: GPL-3.0-or-later */
/* check.h - the frame of every CUnit suite: one binary per module, a table of named tests,
 * non-zero exit when one fails or none ran. */
#ifndef CHECK_H
#define CHECK_H

#include <CUnit/CUnit.h>
#include <math.h>

struct check_case {
    const char *name; /* the behaviour it proves */
    void (*run)(void);
};

/* Runs the cases; returns the process exit code. Prints "module: N passed, N failed" and the
 * failures. With CHECK_FIRST_FAILURE in the environment, the first ends the program. */
int check_main(const char *module, const struct check_case *cases, int n);

/* |a - b| <= rel * max(|a|, |b|) */
#define CHECK_NEAR(a, b, rel) CU_ASSERT_TRUE(check_near((a), (b), (rel), __FILE__, __LINE__))
int check_near(double a, double b, double rel, const char *file, int line);
/* Path of a scratch file or folder of this process, removed when it exits; the buffer is static
 * per call site's index 0..7. */
const char *check_tmp(int idx, const char *suffix);

#endif
