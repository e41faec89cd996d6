/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files that are there whole or not at all. */
#include "sim/base/outfile.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/check.h"

static const char *content(const char *path)
{
    static char text[64];
    FILE *f = fopen(path, "rb");
    if (!f) {
        return NULL;
    }
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    return text;
}

static void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "wb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fputs(text, f);
    fclose(f);
}

static void the_path_changes_only_when_the_file_is_closed(void)
{
    struct outfile f;
    struct err err = {0};
    const char *path = check_tmp(0, ".csv");
    put(path, "old");
    CU_ASSERT_TRUE_FATAL(outfile_open(&f, path, &err));
    fputs("new", f.out);
    fflush(f.out);
    CU_ASSERT_STRING_EQUAL(content(path), "old");
    CU_ASSERT_TRUE(outfile_close(&f, &err));
    CU_ASSERT_STRING_EQUAL(content(path), "new");
}

static void an_abandoned_file_leaves_nothing(void)
{
    struct outfile f;
    struct err err = {0};
    char tmp[256];
    const char *path = check_tmp(2, ".csv");
    CU_ASSERT_TRUE_FATAL(outfile_open(&f, path, &err));
    snprintf(tmp, sizeof tmp, "%s", f.tmp);
    CU_ASSERT_EQUAL(access(tmp, F_OK), 0);
    outfile_abandon(&f);
    CU_ASSERT_NOT_EQUAL(access(tmp, F_OK), 0);
    CU_ASSERT_NOT_EQUAL(access(path, F_OK), 0);
}

static void a_noted_failure_keeps_the_old_bytes(void)
{
    struct outfile f;
    struct err err = {0};
    const char *path = check_tmp(0, ".csv");
    put(path, "old");
    CU_ASSERT_TRUE_FATAL(outfile_open(&f, path, &err));
    fputs("new", f.out);
    f.error = ENOSPC;
    CU_ASSERT_FALSE(outfile_close(&f, &err));
    CU_ASSERT_EQUAL(err.code, ERR_IO);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, strerror(ENOSPC)));
    CU_ASSERT_STRING_EQUAL(content(path), "old");
}

static void a_full_device_is_an_error(void)
{
    struct outfile f;
    struct err err = {0};
    CU_ASSERT_TRUE_FATAL(outfile_open(&f, "/dev/full", &err));
    fputs("new", f.out);
    CU_ASSERT_FALSE(outfile_close(&f, &err));
    CU_ASSERT_EQUAL(err.code, ERR_IO);
}

/* Two writers with the same process number on two hosts. */
static void a_temporary_name_that_is_taken_is_left_alone(void)
{
    struct outfile a, b;
    struct err err = {0};
    const char *path = check_tmp(0, ".csv");
    CU_ASSERT_TRUE_FATAL(outfile_open(&a, path, &err));
    CU_ASSERT_TRUE_FATAL(outfile_open(&b, path, &err));
    CU_ASSERT_STRING_NOT_EQUAL(a.tmp, b.tmp);
    fputs("a", a.out);
    fputs("b", b.out);
    CU_ASSERT_TRUE(outfile_close(&a, &err));
    CU_ASSERT_STRING_EQUAL(content(path), "a");
    CU_ASSERT_TRUE(outfile_close(&b, &err));
    CU_ASSERT_STRING_EQUAL(content(path), "b");
}

static void a_sweep_takes_leftovers_only(void)
{
    static const char *const names[] = {"a.csv.tmp.12", "manifest.json.tmp.12-3",
                                        "a.csv",        "b.csv.tmp.old",
                                        "tmp.12",       "c.csv.tmp."};
    char path[512];
    const char *dir = check_tmp(1, "");
    CU_ASSERT_EQUAL_FATAL(mkdir(dir, 0777), 0);
    for (int i = 0; i < 6; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        put(path, "x");
    }
    outfile_sweep(dir);
    for (int i = 0; i < 6; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        CU_ASSERT_EQUAL(access(path, F_OK) == 0, i >= 2);
    }
}

int main(void)
{
    static const struct check_case cases[] = {
        {"the path changes only when the file is closed",
         the_path_changes_only_when_the_file_is_closed},
        {"an abandoned file leaves nothing", an_abandoned_file_leaves_nothing},
        {"a noted failure keeps the old bytes", a_noted_failure_keeps_the_old_bytes},
        {"a full device is an error", a_full_device_is_an_error},
        {"a temporary name that is taken is left alone",
         a_temporary_name_that_is_taken_is_left_alone},
        {"a sweep takes leftovers only", a_sweep_takes_leftovers_only},
    };
    return check_main("outfile", cases, sizeof cases / sizeof cases[0]);
}
