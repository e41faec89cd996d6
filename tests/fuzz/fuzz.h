/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz.h - what the fuzz targets share: inputs as files in memory, and checks that end the
 * process so that libFuzzer keeps the input. Each target is one file: LLVMFuzzerTestOneInput.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/base/err.h"
#include "sim/base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define FUZZ_CHECK(x) ((x) ? (void)0 : fuzz_fail(#x, __FILE__, __LINE__))

static inline void fuzz_fail(const char *what, const char *file, int line)
{
    fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
    abort();
}

/* A refusal must be an error of the input, or of a file it names, with a text; anything else is
 * a defect. */
static inline void fuzz_check_refused(const struct err *err)
{
    if (err->code != ERR_INPUT && err->code != ERR_IO) {
        err_print(err, stderr);
    }
    FUZZ_CHECK(err->code == ERR_INPUT || err->code == ERR_IO); /* it may name a file */
    FUZZ_CHECK(err->text[0] != '\0');
}

/* Path of a file in memory that holds the data; the file and the path are used again by the
 * next call. */
static inline const char *fuzz_file(const void *data, size_t n)
{
    static int fd = -1;
    static char path[64];
    if (fd < 0) {
        fd = memfd_create("input", 0);
        FUZZ_CHECK(fd >= 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    FUZZ_CHECK(ftruncate(fd, 0) == 0);
    FUZZ_CHECK(pwrite(fd, data, n, 0) == (ssize_t)n);
    return path;
}

/* The first line of the input, and what follows it. */
struct fuzz_input {
    char head[64];
    const char *rest;
    size_t n;
};

static inline struct fuzz_input fuzz_split(const uint8_t *data, size_t n)
{
    const char *text = (const char *)data;
    const char *end = n > 0 ? memchr(text, '\n', n) : NULL;
    size_t n_head = end ? (size_t)(end - text) : n;
    struct fuzz_input in = {.rest = end ? end + 1 : text + n, .n = end ? n - n_head - 1 : 0};
    snprintf(in.head, sizeof in.head, "%.*s", n_head < 63 ? (int)n_head : 63,
             n_head > 0 ? text : "");
    return in;
}

#endif
