/* SPDX-License-Identifier: GPL-3.0-or-later */
/* check.c - see check.h. */
#include "tests/check.h"

#include <CUnit/Basic.h>
#include <ftw.h>
#include <gsl/gsl_errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int check_near(double a, double b, double rel, const char *file, int line)
{
    double scale = fmax(fabs(a), fabs(b));
    if (fabs(a - b) <= rel * scale) {
        return 1;
    }
    fprintf(stderr, "%s:%d: %.10g is not within %g of %.10g\n", file, line, a, rel, b);
    return 0;
}

/* Scratch files of this process. */
static char scratch_dir[64];
static pid_t scratch_owner;

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *at)
{
    (void)st;
    (void)flag;
    (void)at;
    return remove(path);
}

/* A child that exits leaves its parent's files alone. */
static void remove_scratch(void)
{
    if (scratch_owner == getpid()) {
        nftw(scratch_dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    }
}

static void make_scratch(void)
{
    snprintf(scratch_dir, sizeof scratch_dir, "build/tmp/%ld", (long)getpid());
    nftw(scratch_dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS); /* of a process that died */
    mkdir("build", 0777);
    mkdir("build/tmp", 0777);
    mkdir(scratch_dir, 0777);
    scratch_owner = getpid();
    atexit(remove_scratch);
}

const char *check_tmp(int idx, const char *suffix)
{
    static char path[8][128];
    if (scratch_owner == 0) {
        make_scratch();
    }
    snprintf(path[idx & 7], sizeof path[0], "%s/%d%s", scratch_dir, idx, suffix);
    return path[idx & 7];
}

static void print_failures(void)
{
    for (CU_pFailureRecord f = CU_get_failure_list(); f; f = f->pNext) {
        fprintf(stderr, "%s:%u: in '%s': %s\n", f->strFileName, f->uiLineNumber,
                f->pTest ? f->pTest->pName : "?", f->strCondition);
    }
}

static void stop_at_failure(const CU_pTest test, const CU_pSuite suite,
                            const CU_pFailureRecord failures)
{
    (void)test;
    (void)suite;
    if (failures) {
        exit(1);
    }
}

int check_main(const char *module, const struct check_case *cases, int n)
{
    gsl_set_error_handler_off();
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite(module, NULL, NULL);
    for (int i = 0; i < n; i++) {
        CU_add_test(suite, cases[i].name, cases[i].run);
    }
    if (getenv("CHECK_FIRST_FAILURE")) {
        CU_set_test_complete_handler(stop_at_failure);
    }
    CU_run_all_tests();
    unsigned failed = CU_get_number_of_tests_failed();
    unsigned run = CU_get_number_of_tests_run();
    print_failures();
    printf("%s: %u passed, %u failed\n", module, run - failed, failed);
    CU_cleanup_registry();
    return failed > 0 || run == 0;
}
