#include "tests/check.h"

#include <CUnit/Basic.h>
#include <gsl/gsl_errno.h>
#include <stdio.h>
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

const char *check_tmp(int idx, const char *suffix)
{
    static char path[8][128];
    mkdir("build", 0777);
    snprintf(path[idx & 7], sizeof path[0], "build/tmp-%ld-%d%s", (long)getpid(), idx, suffix);
    return path[idx & 7];
}

static void print_failures(void)
{
    for (CU_pFailureRecord f = CU_get_failure_list(); f; f = f->pNext) {
        fprintf(stderr, "%s:%u: in '%s': %s\n", f->strFileName, f->uiLineNumber,
                f->pTest ? f->pTest->pName : "?", f->strCondition);
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
    CU_run_all_tests();
    unsigned failed = CU_get_number_of_tests_failed();
    unsigned run = CU_get_number_of_tests_run();
    print_failures();
    printf("%s: %u passed, %u failed\n", module, run - failed, failed);
    CU_cleanup_registry();
    return failed > 0 || run == 0;
}
