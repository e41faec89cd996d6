/* SPDX-License-Identifier: GPL-3.0-or-later */
/* text.h - bytes of input files before any parser sees them: whole files with a size limit,
 * line by line with bounded memory, UTF-8 checked and the byte order mark dropped. */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "sim/base/err.h"

#define TEXT_MIB ((size_t)1 << 20)
#define TEXT_LINE_MAX_BYTES (16 * TEXT_MIB)

/* Length in bytes of the UTF-8 character at s (1..4), 0 when the bytes there are not UTF-8. */
size_t text_char_bytes(const char *s, size_t n);
/* Number of characters; a byte that is not UTF-8 counts as one. */
int text_width(const char *s);
/* 1-based line and column (in characters) of a byte offset. */
void text_locate(const char *text, size_t offset, int *line, int *col);
/* Refuses invalid UTF-8 and NUL. line is the number of the text's first line. */
bool text_check(const char *name, const char *text, size_t n, int64_t line, struct err *err);
/* Bytes of the byte order mark at the start: 3 or 0. */
size_t text_bom_bytes(const char *text, size_t n);

/* Rounded to a whole number, with a comma between thousands: -1,234,567. Returns buf. */
enum { TEXT_GROUPED_BYTES = 512 }; /* the largest double has 309 digits */
const char *text_grouped(char buf[TEXT_GROUPED_BYTES], double value);

/* Opens a file for reading; a directory, a missing file and the like fill err. "-" is no
 * special name here. */
FILE *text_open(const char *path, struct err *err);
/* The whole file, NUL-terminated, on the heap (caller frees); NULL on failure. */
char *text_load(const char *path, size_t max_bytes, size_t *n, struct err *err);

/* Line by line. A line is returned without its LF and the CRs before it, checked, valid until
 * the next call. */
struct text_lines;
struct text_lines *text_lines_open(const char *path, struct err *err);
/* False at the end of the file and on errors: tell them apart by *failed. */
bool text_lines_next(struct text_lines *lines, const char **line, size_t *n, bool *failed,
                     struct err *err);
int64_t text_lines_number(const struct text_lines *lines);   /* 1-based, of the last line */
size_t text_lines_bytes(const struct text_lines *lines);     /* read so far */
bool text_lines_had_newline(const struct text_lines *lines); /* the last line ended in LF */
void text_lines_close(struct text_lines *lines);

#endif
