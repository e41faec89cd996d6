/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hash.c - see hash.h. */
#include "sim/base/hash.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "sim/base/text.h"

uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t n)
{
    const unsigned char *b = bytes;
    for (size_t i = 0; i < n; i++) {
        hash = (hash ^ b[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

uint64_t hash_text(uint64_t hash, const char *text)
{
    return hash_bytes(hash, text, strlen(text) + 1);
}

/* Eight bytes a step, the last ones singly: a catalogue is read at every start. */
static uint64_t hash_block(uint64_t hash, const char *bytes, size_t n)
{
    size_t i = 0;
    for (uint64_t word; i + sizeof word <= n; i += sizeof word) {
        memcpy(&word, bytes + i, sizeof word);
        hash = (hash ^ word) * UINT64_C(0x100000001b3);
        hash ^= hash >> 32;
    }
    return hash_bytes(hash, bytes + i, n - i);
}

bool hash_file(uint64_t *hash, const char *path, struct err *err)
{
    char buf[1 << 14];
    FILE *in = text_open(path, err);
    if (!in) {
        return false;
    }
    errno = 0;
    for (size_t n; (n = fread(buf, 1, sizeof buf, in)) > 0;) {
        *hash = hash_block(*hash, buf, n);
    }
    bool ok = !ferror(in);
    if (!ok) {
        err_set(err, ERR_IO, "cannot read '%s': %s", path, strerror(errno));
    }
    fclose(in);
    return ok;
}

/* The arguments are volatile, else the compiler would answer. */
uint64_t hash_libm(void)
{
    static const volatile double at[] = {0.1, 0.7, 1.3, 2.9, 17.25, 123.456, 9876.5};
    uint64_t hash = HASH_START;
    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
        double x = at[i];
        int sign = 0;
        double probe[] = {exp(-x),   log(x),  pow(x, 0.37),
                          expm1(-x), sqrt(x), lgamma_r(x, &sign)};
        hash = hash_bytes(hash, probe, sizeof probe);
    }
    return hash;
}
