/* SPDX-License-Identifier: GPL-3.0-or-later */
/* text.c - see text.h. Checking costs one pass over the bytes, eight at a time while they are
 * ASCII; line and column are only worked out when there is something to report. */
#include "sim/base/text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sim/base/mem.h"

#define READ_BYTES ((size_t)1 << 16)

struct text_lines {
    FILE *in;
    const char *path;
    char *buf;
    size_t cap, start, end; /* unread bytes are buf[start..end) */
    size_t total_bytes;
    int64_t line;
    bool at_end;
    bool newline;
};

static bool is_tail(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

size_t text_char_bytes(const char *s, size_t n)
{
    const unsigned char *u = (const unsigned char *)s;
    if (n == 0) {
        return 0;
    }
    if (u[0] < 0x80) {
        return 1;
    }
    if (u[0] >= 0xc2 && u[0] <= 0xdf) {
        return n >= 2 && is_tail(u[1]) ? 2 : 0;
    }
    if (u[0] >= 0xe0 && u[0] <= 0xef) {
        /* e0 a0: shorter forms are overlong; ed 9f: beyond it lie the UTF-16 surrogates */
        bool ok = n >= 3 && is_tail(u[1]) && is_tail(u[2]) && !(u[0] == 0xe0 && u[1] < 0xa0) &&
                  !(u[0] == 0xed && u[1] > 0x9f);
        return ok ? 3 : 0;
    }
    if (u[0] >= 0xf0 && u[0] <= 0xf4) {
        bool ok = n >= 4 && is_tail(u[1]) && is_tail(u[2]) && is_tail(u[3]) &&
                  !(u[0] == 0xf0 && u[1] < 0x90) && !(u[0] == 0xf4 && u[1] > 0x8f);
        return ok ? 4 : 0;
    }
    return 0;
}

int text_width(const char *s)
{
    size_t n = strlen(s);
    int width = 0;
    for (size_t i = 0; i < n; width++) {
        size_t step = text_char_bytes(s + i, n - i);
        i += step ? step : 1;
    }
    return width;
}

void text_locate(const char *text, size_t offset, int *line, int *col)
{
    *line = 1;
    *col = 1;
    for (size_t i = 0; i < offset; i++) {
        if (text[i] == '\n') {
            ++*line;
            *col = 1;
        } else if (!is_tail((unsigned char)text[i])) {
            ++*col;
        }
    }
}

size_t text_bom_bytes(const char *text, size_t n)
{
    return n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

/* Offset of the first NUL or invalid byte, n when there is none. */
static size_t first_bad(const char *text, size_t n)
{
    const uint64_t high = 0x8080808080808080u;
    const uint64_t ones = 0x0101010101010101u;
    size_t i = 0;
    while (i < n) {
        uint64_t word;
        if (n - i >= sizeof word) {
            memcpy(&word, text + i, sizeof word);
            if (!((word | (word - ones)) & high)) {
                i += sizeof word;
                continue;
            }
        }
        size_t step = text[i] ? text_char_bytes(text + i, n - i) : 0;
        if (step == 0) {
            return i;
        }
        i += step;
    }
    return n;
}

static int clip_int(int64_t value)
{
    return value > INT32_MAX ? INT32_MAX : (int)value;
}

static bool text_check_fail(const char *name, const char *text, size_t n, size_t bad,
                            int64_t line, struct err *err)
{
    const unsigned char *u = (const unsigned char *)text;
    if (line == 1 && n >= 2 && u[0] == 0x1f && u[1] == 0x8b) {
        return err_set(err, ERR_INPUT, "%s is gzip-compressed; decompress it first", name);
    }
    bool utf16 = n >= 2 && ((u[0] == 0xff && u[1] == 0xfe) || (u[0] == 0xfe && u[1] == 0xff));
    if (line == 1 && utf16) {
        return err_set(err, ERR_INPUT, "%s is UTF-16 text; save it as UTF-8", name);
    }
    struct src_pos pos = {.file = name};
    text_locate(text, bad, &pos.line, &pos.col);
    pos.line = clip_int(pos.line + line - 1);
    if (u[bad] == 0) {
        return err_at(err, pos, "NUL byte: this is not a text file");
    }
    return err_at(err, pos, "byte 0x%02x is not valid UTF-8", (unsigned)u[bad]);
}

bool text_check(const char *name, const char *text, size_t n, int64_t line, struct err *err)
{
    size_t bad = first_bad(text, n);
    return bad == n || text_check_fail(name, text, n, bad, line, err);
}

const char *text_grouped(char buf[TEXT_GROUPED_BYTES], double value)
{
    char digits[400];
    int n = snprintf(digits, sizeof digits, "%.0f", fabs(value));
    char *out = buf;
    if (value <= -0.5) {
        *out++ = '-';
    }
    for (int i = 0; i < n; i++) {
        *out++ = digits[i];
        if ((n - i) % 3 == 1 && i + 1 < n) {
            *out++ = ',';
        }
    }
    *out = '\0';
    return buf;
}

FILE *text_open(const char *path, struct err *err)
{
    struct stat st;
    FILE *in = fopen(path, "rbe");
    if (!in) {
        err_set(err, ERR_IO, "cannot open '%s': %s", path, strerror(errno));
        return NULL;
    }
    if (fstat(fileno(in), &st) == 0 && S_ISDIR(st.st_mode)) {
        err_set(err, ERR_IO, "cannot read '%s': it is a directory", path);
        fclose(in);
        return NULL;
    }
    return in;
}

static bool too_large(const char *path, size_t max_bytes, struct err *err)
{
    return err_set(err, ERR_INPUT,
                   "'%s' is larger than %zu MiB, the limit for this kind of file", path,
                   max_bytes / TEXT_MIB);
}

/* Reads to the end, growing the buffer, so that pipes work too. */
static char *read_all(FILE *in, const char *path, size_t max_bytes, size_t *n, struct err *err)
{
    size_t cap = READ_BYTES;
    char *text = xmalloc(cap + 1);
    *n = 0;
    for (;;) {
        size_t got = fread(text + *n, 1, cap - *n, in);
        *n += got;
        if (*n > max_bytes) {
            too_large(path, max_bytes, err);
            break;
        }
        if (got == 0 && ferror(in)) {
            err_set(err, ERR_IO, "cannot read '%s': %s", path, strerror(errno));
            break;
        }
        if (got == 0) {
            text[*n] = '\0';
            return text;
        }
        if (*n == cap) {
            cap *= 2;
            text = xrealloc(text, cap + 1, 1);
        }
    }
    free(text);
    return NULL;
}

char *text_load(const char *path, size_t max_bytes, size_t *n, struct err *err)
{
    *n = 0;
    FILE *in = text_open(path, err);
    if (!in) {
        return NULL;
    }
    struct stat st;
    char *text = NULL;
    if (fstat(fileno(in), &st) == 0 && S_ISREG(st.st_mode) && (size_t)st.st_size > max_bytes) {
        too_large(path, max_bytes, err);
    } else {
        text = read_all(in, path, max_bytes, n, err);
    }
    fclose(in);
    return text;
}

struct text_lines *text_lines_open(const char *path, struct err *err)
{
    FILE *in = text_open(path, err);
    if (!in) {
        return NULL;
    }
    struct text_lines *lines = xcalloc(1, sizeof *lines);
    lines->in = in;
    lines->path = path;
    lines->cap = READ_BYTES;
    lines->buf = xmalloc(lines->cap);
    return lines;
}

/* More bytes behind the unread ones, which move to the front. */
static bool refill(struct text_lines *lines, struct err *err)
{
    size_t unread = lines->end - lines->start;
    if (unread >= TEXT_LINE_MAX_BYTES) {
        return err_at(err, (struct src_pos){lines->path, clip_int(lines->line + 1), 0},
                      "line longer than %zu MiB", TEXT_LINE_MAX_BYTES / TEXT_MIB);
    }
    memmove(lines->buf, lines->buf + lines->start, unread);
    lines->start = 0;
    lines->end = unread;
    if (lines->end == lines->cap) {
        lines->cap *= 2;
        lines->buf = xrealloc(lines->buf, lines->cap, 1);
    }
    size_t got = fread(lines->buf + unread, 1, lines->cap - unread, lines->in);
    if (got == 0 && ferror(lines->in)) {
        return err_set(err, ERR_IO, "cannot read '%s': %s", lines->path, strerror(errno));
    }
    lines->at_end = got == 0;
    lines->end += got;
    lines->total_bytes += got;
    return true;
}

/* Finds the end of the next line; scanned bytes are not looked at again after a refill. */
static bool find_line(struct text_lines *lines, size_t *n, struct err *err)
{
    size_t seen = 0;
    for (;;) {
        size_t unread = lines->end - lines->start;
        const char *from = lines->buf + lines->start;
        const char *lf = unread > seen ? memchr(from + seen, '\n', unread - seen) : NULL;
        lines->newline = lf != NULL;
        if (lf || lines->at_end) {
            *n = lf ? (size_t)(lf - from) : unread;
            return true;
        }
        seen = unread;
        if (!refill(lines, err)) {
            return false;
        }
    }
}

bool text_lines_next(struct text_lines *lines, const char **line, size_t *n, bool *failed,
                     struct err *err)
{
    *failed = !find_line(lines, n, err);
    if (*failed || (*n == 0 && !lines->newline)) {
        return false;
    }
    *line = lines->buf + lines->start;
    lines->start += *n + (lines->newline ? 1 : 0);
    lines->line++;
    while (lines->newline && *n > 0 && (*line)[*n - 1] == '\r') {
        --*n; /* more than one: a file that was converted twice */
    }
    if (lines->line == 1) {
        size_t bom_bytes = text_bom_bytes(*line, *n);
        *line += bom_bytes;
        *n -= bom_bytes;
    }
    *failed = !text_check(lines->path, *line, *n, lines->line, err);
    return !*failed;
}

int64_t text_lines_number(const struct text_lines *lines)
{
    return lines->line;
}

size_t text_lines_bytes(const struct text_lines *lines)
{
    return lines->total_bytes;
}

bool text_lines_had_newline(const struct text_lines *lines)
{
    return lines->newline;
}

void text_lines_close(struct text_lines *lines)
{
    if (lines) {
        fclose(lines->in);
        free(lines->buf);
        free(lines);
    }
}
