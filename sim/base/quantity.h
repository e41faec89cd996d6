/* SPDX-License-Identifier: GPL-3.0-or-later */
/* quantity.h - numbers with units, as people write them: "80 GiB", "12/s", "50 ms", "2M", "5%".
 */
#ifndef QUANTITY_H
#define QUANTITY_H

#include <stdbool.h>
#include <stddef.h>

/* What a value measures; the parsed value is always in the base unit named here. */
enum unit {
    UNIT_COUNT,  /* plain number; suffix k M G T (powers of 1000), e.g. 32k = 32000 */
    UNIT_TOKENS, /* as UNIT_COUNT, but 32k = 32768 would surprise: k = 1000, Ki = 1024 */
    UNIT_S, /* ns us ms s min h d (days) months(=30.4375 d) years; a unit is required unless 0
             */
    UNIT_BYTES, /* B kB MB GB TB KiB MiB GiB TiB; a unit is required unless 0 */
    UNIT_RATE,  /* per second: "12/s" "3/min" "100/h" "2M/day"; a bare number is per second */
    UNIT_FRAC,  /* 0.05 or "5%" -> 0.05 */
    UNIT_BYTES_PER_S,  /* "450 GB/s", "400 Gb/s" or "400 Gbps" (bits) -> bytes per second */
    UNIT_USD,          /* "2.5", "$2.5", "2.5 USD", k M suffixes */
    UNIT_USD_PER_H,    /* "2.5", "2.5 USD/h", "$2.5/h" */
    UNIT_USD_PER_MTOK, /* "0.5", "0.5 USD/Mtok" */
    UNIT_W,            /* W kW MW */
    UNIT_FLOPS_PER_S,  /* "989 TFLOPS", "2.25 PFLOPS" */
};

/* Parses text wholly (leading and trailing blanks allowed). On failure returns false and writes
 * a short reason ("'8x' is not a duration: unknown unit 'x'; use ns, us, ms, s, min, h or d")
 * to why. Rejects NaN, infinities, hex, empty text, numbers that overflow. Never uses the
 * locale. */
bool quantity_parse(const char *text, enum unit unit, double *value, char *why,
                    size_t why_size);

/* A plain number without any suffix (CSV cells, whose unit is in the column's name). */
bool quantity_number(const char *text, double *value, char *why, size_t why_size);

/* Human form for messages and tables: quantity_format(buf, n, 8.6e10, UNIT_BYTES) -> "80.1
 * GiB". */
const char *quantity_format(char *buf, size_t n, double value, enum unit unit);

#endif
