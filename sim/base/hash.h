/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hash.h - fingerprints that tell whether two runs rest on the same things: FNV-1a, 64 bits.
 * They catch mistakes, not forgery. */
#ifndef HASH_H
#define HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/base/err.h"

/* FNV-1a of nothing; "a" makes it af63dc4c8601ec8c. */
#define HASH_START UINT64_C(0xcbf29ce484222325)

uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t n);
uint64_t hash_text(uint64_t hash, const char *text); /* with its end, so that "ab","c" differs
                                                        from "a","bc" */
/* The content of a file, whatever its size, by words of eight bytes. False with err when it
 * cannot be read. */
bool hash_file(uint64_t *hash, const char *path, struct err *err);
/* Of the bits that this machine's mathematical library returns at fixed arguments: where they
 * differ, tables may differ in their last digits. */
uint64_t hash_libm(void);

#endif
