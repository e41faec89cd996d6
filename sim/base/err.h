/* SPDX-License-Identifier: GPL-3.0-or-later */
/* err.h - what went wrong and where. Every function that can fail because of a user's input
 * takes a `struct err *` as its last parameter, fills it and returns false or NULL; only main
 * prints it. Never global, never allocated: the caller owns the struct, usually on its stack.
 */
#ifndef ERR_H
#define ERR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Process exit codes (README, "Exit codes"). */
enum err_code {
    ERR_NONE = 0,
    ERR_UNFIT = 1,     /* nothing fits, no answer, or with --strict a missed target */
    ERR_USAGE = 2,     /* wrong command line */
    ERR_INPUT = 3,     /* bad input file */
    ERR_IO = 4,        /* cannot read, write or start something */
    ERR_INTERNAL = 70, /* a defect of this program */
};

/* A place in an input file. line and col count from 1; 0 means unknown. `file` is borrowed and
 * must outlive the value (readers keep it in their arena). */
struct src_pos {
    const char *file;
    int line;
    int col;
};

struct err {
    enum err_code code;
    int line, col;
    char file[256];
    char text[512];  /* one sentence, no trailing newline */
    char quote[256]; /* the source line, when there is one; a long one is cut around col */
    int caret;       /* 1-based character of quote that the caret points at; 0: none */
    char hint[192];  /* "did you mean 'x'?", when there is one */
};

/* Fills err (which may be NULL) with code and message. Always returns false, so that a function
 * can `return err_set(...)`. The first error wins: a set err is not overwritten. */
bool err_set(struct err *err, enum err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* As err_set with ERR_INPUT and a position; reads the line at pos from the file for the quote.
 */
bool err_at(struct err *err, struct src_pos pos, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Sets the quote from a line at hand (up to its LF or n bytes); err->col says where the caret
 * goes. */
void err_quote(struct err *err, const char *line, size_t n);

/* Adds "did you mean 'x'?" with the candidate nearest to word (edit distance), if one is near.
 */
void err_suggest(struct err *err, const char *word, const char *const *candidates, int n);

/* `file:line:col: error: text`, the quoted line, a caret, the hint. */
void err_print(const struct err *err, FILE *out);

/* Levenshtein distance of two words, ASCII case ignored; words over 63 bytes count as far. */
int err_edit_distance(const char *a, const char *b);

#endif
