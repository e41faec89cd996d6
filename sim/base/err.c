/* SPDX-License-Identifier: GPL-3.0-or-later */
/* err.c - see err.h. Texts may carry anything a user wrote, so control characters are made
 * harmless before they reach a terminal. */
#include "sim/base/err.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "sim/base/text.h"

#define WORD_MAX_BYTES 63
#define FAR_DISTANCE 1000
/* Lines up to QUOTE_WHOLE bytes are quoted whole, longer ones QUOTE_BEFORE bytes before the
 * column and QUOTE_AFTER behind it: with dots on both sides that fits struct err. */
#define QUOTE_WHOLE 200
#define QUOTE_BEFORE 80
#define QUOTE_AFTER 80

/* Copies n bytes; what is no UTF-8 or would move the cursor becomes '?'. Tabs stay when
 * keep_tabs. */
static void copy_printable(char *out, size_t out_size, const char *text, size_t n,
                           bool keep_tabs)
{
    size_t used = 0;
    for (size_t i = 0; i < n;) {
        unsigned char c = (unsigned char)text[i];
        size_t step = text_char_bytes(text + i, n - i);
        bool control = c < 0x20 || c == 0x7f ||
                       (c == 0xc2 && step == 2 && (unsigned char)text[i + 1] < 0xa0);
        bool bad = step == 0 || (control && !(c == '\t' && keep_tabs));
        size_t width = bad ? 1 : step;
        if (used + width >= out_size) {
            break;
        }
        if (bad) {
            out[used] = c == '\n' || c == '\t' ? ' ' : '?';
        } else {
            memcpy(out + used, text + i, step);
        }
        used += width;
        i += step ? step : 1;
    }
    out[used] = '\0';
}

static void set_text(struct err *err, enum err_code code, const char *fmt, va_list args)
{
    char raw[sizeof err->text];
    memset(err, 0, sizeof *err);
    err->code = code;
    vsnprintf(raw, sizeof raw, fmt, args);
    copy_printable(err->text, sizeof err->text, raw, strlen(raw), false);
}

bool err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
    if (!err || err->code != ERR_NONE) {
        return false;
    }
    va_list args;
    va_start(args, fmt);
    set_text(err, code, fmt, args);
    va_end(args);
    return false;
}

/* Byte offset of the character with 1-based number col, or n when the line is shorter. */
static size_t offset_of_col(const char *line, size_t n, int col)
{
    size_t i = 0;
    for (int c = 1; c < col && i < n; c++) {
        size_t step = text_char_bytes(line + i, n - i);
        i += step ? step : 1;
    }
    return i;
}

static bool is_tail_byte(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

void err_quote(struct err *err, const char *line, size_t n)
{
    if (!err) {
        return;
    }
    const char *lf = n ? memchr(line, '\n', n) : NULL;
    n = lf ? (size_t)(lf - line) : n;
    while (n > 0 && line[n - 1] == '\r') {
        n--;
    }
    size_t at = offset_of_col(line, n, err->col);
    size_t from = 0, to = n;
    if (n > QUOTE_WHOLE) {
        from = at > QUOTE_BEFORE ? at - QUOTE_BEFORE : 0;
        to = n - at > QUOTE_AFTER ? at + QUOTE_AFTER : n;
        while (from < at && is_tail_byte(line[from])) {
            from++;
        }
        while (to > at && to < n && is_tail_byte(line[to])) {
            to--;
        }
    }
    char part[QUOTE_WHOLE + 1];
    copy_printable(part, sizeof part, line + from, to - from, true);
    snprintf(err->quote, sizeof err->quote, "%s%s%s", from > 0 ? "..." : "", part,
             to < n ? "..." : "");
    copy_printable(part, sizeof part, line + from, at - from, true);
    err->caret = err->col > 0 ? text_width(part) + (from > 0 ? 3 : 0) + 1 : 0;
}

/* The quote is a courtesy: whatever goes wrong here, the message stands without it. Only
 * regular files are opened, because reading a pipe again would hang. */
static void quote_from_file(struct err *err, const char *path)
{
    struct stat st;
    FILE *in = stat(path, &st) == 0 && S_ISREG(st.st_mode) ? fopen(path, "rbe") : NULL;
    if (!in) {
        return;
    }
    char *line = NULL;
    size_t cap = 0;
    ssize_t n = -1;
    for (int i = 0; i < err->line; i++) {
        n = getline(&line, &cap, in);
        if (n < 0) {
            break;
        }
    }
    if (n >= 0) {
        size_t bom_bytes = err->line == 1 ? text_bom_bytes(line, (size_t)n) : 0;
        err_quote(err, line + bom_bytes, (size_t)n - bom_bytes);
    }
    free(line);
    fclose(in);
}

bool err_at(struct err *err, struct src_pos pos, const char *fmt, ...)
{
    if (!err || err->code != ERR_NONE) {
        return false;
    }
    va_list args;
    va_start(args, fmt);
    set_text(err, ERR_INPUT, fmt, args);
    va_end(args);
    if (!pos.file) {
        return false;
    }
    copy_printable(err->file, sizeof err->file, pos.file, strlen(pos.file), false);
    err->line = pos.line;
    err->col = pos.col;
    if (pos.line > 0) {
        quote_from_file(err, pos.file);
    }
    return false;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static int min_int(int a, int b)
{
    return a < b ? a : b;
}

int err_edit_distance(const char *a, const char *b)
{
    size_t na = strlen(a), nb = strlen(b);
    if (na > WORD_MAX_BYTES || nb > WORD_MAX_BYTES) {
        return FAR_DISTANCE;
    }
    int row[WORD_MAX_BYTES + 1];
    for (size_t j = 0; j <= nb; j++) {
        row[j] = (int)j;
    }
    for (size_t i = 1; i <= na; i++) {
        int diagonal = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= nb; j++) {
            int swap = diagonal + (lower(a[i - 1]) != lower(b[j - 1]));
            diagonal = row[j];
            row[j] = min_int(swap, min_int(row[j], row[j - 1]) + 1);
        }
    }
    return row[nb];
}

/* A third of the word may differ: one letter of "tp", three of a long name. */
static int near_limit(const char *word)
{
    int limit = ((int)strlen(word) + 1) / 3;
    return limit < 1 ? 1 : min_int(limit, 3);
}

static const char *nearest(const char *word, const char *const *candidates, int n)
{
    const char *best = NULL;
    int best_distance = near_limit(word) + 1;
    for (int i = 0; i < n; i++) {
        int distance = err_edit_distance(word, candidates[i]);
        if (distance < best_distance && distance < (int)strlen(candidates[i])) {
            best = candidates[i];
            best_distance = distance;
        }
    }
    size_t n_word = strlen(word);
    for (int i = 0; i < n && !best && n_word >= 3; i++) {
        /* a name cut short, as "llama-3.1-8b" for "Llama-3.1-8B-Instruct" */
        if (strncasecmp(word, candidates[i], n_word) == 0) {
            best = candidates[i];
        }
    }
    return best;
}

void err_suggest(struct err *err, const char *word, const char *const *candidates, int n)
{
    if (!err || err->code == ERR_NONE || err->hint[0] || strlen(word) > WORD_MAX_BYTES) {
        return;
    }
    const char *best = nearest(word, candidates, n);
    if (best) {
        snprintf(err->hint, sizeof err->hint, "did you mean '%s'?", best);
    }
}

static void print_caret(const struct err *err, FILE *out)
{
    size_t at = offset_of_col(err->quote, strlen(err->quote), err->caret);
    int width = 0;
    fputs("  ", out);
    for (size_t i = 0; i < at; width++) {
        fputc(err->quote[i] == '\t' ? '\t' : ' ', out);
        size_t step = text_char_bytes(err->quote + i, at - i);
        i += step ? step : 1;
    }
    for (; width + 1 < err->caret; width++) {
        fputc(' ', out);
    }
    fputs("^\n", out);
}

void err_print(const struct err *err, FILE *out)
{
    if (err->file[0]) {
        fputs(err->file, out);
        if (err->line > 0) {
            fprintf(out, ":%d", err->line);
        }
        if (err->line > 0 && err->col > 0) {
            fprintf(out, ":%d", err->col);
        }
        fprintf(out, ": error: %s\n", err->text);
    } else {
        fprintf(out, "headroom: error: %s\n", err->text);
    }
    if (err->quote[0]) {
        fprintf(out, "  %s\n", err->quote);
        if (err->caret > 0) {
            print_caret(err, out);
        }
    }
    if (err->hint[0]) {
        fprintf(out, "  %s\n", err->hint);
    }
}
