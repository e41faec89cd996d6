/* SPDX-License-Identifier: GPL-3.0-or-later */
/* csvio.c - see csvio.h. Reading feeds libcsv one physical line at a time: that is how line
 * numbers are known (libcsv has none) and how a callback can stop the reading. Memory holds one
 * row. */
#include "sim/base/csvio.h"

#include <csv.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/outfile.h"
#include "sim/base/text.h"

#define LOAD_MAX_BYTES (256 * TEXT_MIB)
#define FIELD_MAX_BYTES TEXT_MIB
#define FIELD_STEP_BYTES ((size_t)1 << 16)
#define MAX_COLS 4096
#define LOAD_MAX_CELLS ((size_t)10000000)

/* ---- reading row by row ---- */

struct row_reader {
    struct csv_parser parser;
    const char *path;
    csv_row_fn fn;
    void *ctx;
    struct err *err;
    char *bytes; /* the row's fields, each with its NUL */
    size_t n_bytes, cap_bytes;
    size_t *starts; /* [n_fields] offsets into bytes */
    const char **fields;
    int n_fields, cap_fields, cap_starts;
    int n_cols;       /* of the header; 0 before it */
    int64_t row_line; /* where the row starts */
    bool between_rows;
    bool stopped;
};

static int clip_line(int64_t line)
{
    return line > INT32_MAX ? INT32_MAX : (int)line;
}

static bool fail_row(struct row_reader *r, const char *text)
{
    r->stopped = true;
    return err_at(r->err, (struct src_pos){r->path, clip_line(r->row_line), 0}, "%s", text);
}

static void reserve_bytes(struct row_reader *r, size_t n)
{
    if (n > r->cap_bytes) {
        while (r->cap_bytes < n) {
            r->cap_bytes = r->cap_bytes ? r->cap_bytes * 2 : 256;
        }
        r->bytes = xrealloc(r->bytes, r->cap_bytes, 1);
    }
}

static void on_field(void *text, size_t n, void *ctx)
{
    struct row_reader *r = ctx;
    if (r->stopped) {
        return;
    }
    reserve_bytes(r, r->n_bytes + n + 1);
    ARRAY_RESERVE(r->starts, r->cap_starts, r->n_fields + 1);
    r->starts[r->n_fields++] = r->n_bytes;
    if (n > 0) {
        memcpy(r->bytes + r->n_bytes, text, n);
    }
    r->bytes[r->n_bytes + n] = '\0';
    r->n_bytes += n + 1;
}

static bool check_width(struct row_reader *r)
{
    char text[128];
    if (r->n_fields > MAX_COLS) {
        return fail_row(r, "more than 4096 fields in a row");
    }
    if (r->n_cols == 0) {
        r->n_cols = r->n_fields;
    }
    if (r->n_fields == r->n_cols) {
        return true;
    }
    snprintf(text, sizeof text, "%d field%s where the header has %d", r->n_fields,
             r->n_fields == 1 ? "" : "s", r->n_cols);
    return fail_row(r, text);
}

static void deliver_row(struct row_reader *r)
{
    if (!check_width(r)) {
        return;
    }
    ARRAY_RESERVE(r->fields, r->cap_fields, r->n_fields);
    for (int i = 0; i < r->n_fields; i++) {
        r->fields[i] = r->bytes + r->starts[i];
    }
    if (!r->fn(r->ctx, r->n_fields, r->fields, r->row_line, r->err)) {
        r->stopped = true;
    }
}

/* Also called for blank lines and for the LF of a CRLF: those have no fields. */
static void on_row(int terminator, void *ctx)
{
    struct row_reader *r = ctx;
    (void)terminator;
    r->between_rows = true;
    if (!r->stopped && r->n_fields > 0) {
        deliver_row(r);
    }
    r->n_fields = 0;
    r->n_bytes = 0;
}

static bool feed(struct row_reader *r, const char *bytes, size_t n)
{
    if (csv_parse(&r->parser, bytes, n, on_field, on_row, r) != n && !r->stopped) {
        return fail_row(r, csv_error(&r->parser) == CSV_EPARSE
                               ? "a quote in the wrong place: quote the whole field and double "
                                 "the quotes inside it"
                               : csv_strerror(csv_error(&r->parser)));
    }
    if (!r->stopped && csv_get_buffer_size(&r->parser) > FIELD_MAX_BYTES) {
        return fail_row(r,
                        "a field longer than 1 MiB: is the quote that opens it never closed?");
    }
    return !r->stopped;
}

static bool finish(struct row_reader *r)
{
    if (csv_fini(&r->parser, on_field, on_row, r) != 0 && !r->stopped) {
        return fail_row(r, "the file ends inside a quoted field of the row that starts here");
    }
    return !r->stopped;
}

static bool read_lines(struct row_reader *r, struct text_lines *lines, size_t max_bytes)
{
    const char *line;
    size_t n;
    bool failed;
    while (text_lines_next(lines, &line, &n, &failed, r->err)) {
        if (text_lines_bytes(lines) > max_bytes) {
            return err_set(r->err, ERR_INPUT,
                           "'%s' is larger than %zu MiB, the limit for a table held in memory",
                           r->path, max_bytes / TEXT_MIB);
        }
        if (r->between_rows) {
            r->row_line = text_lines_number(lines);
            r->between_rows = false;
        }
        if (!feed(r, line, n) || (text_lines_had_newline(lines) && !feed(r, "\n", 1))) {
            return false;
        }
    }
    return !failed && finish(r);
}

static bool read_rows(const char *path, size_t max_bytes, csv_row_fn fn, void *ctx,
                      struct err *err)
{
    struct text_lines *lines = text_lines_open(path, err);
    if (!lines) {
        return false;
    }
    struct row_reader r = {
        .path = path, .fn = fn, .ctx = ctx, .err = err, .row_line = 1, .between_rows = true};
    ASSERT(csv_init(&r.parser,
                    CSV_STRICT | CSV_STRICT_FINI | CSV_APPEND_NULL | CSV_REPALL_NL) == 0);
    /* libcsv grows its buffer by this step; the default of 128 bytes makes long fields
     * quadratic */
    csv_set_blk_size(&r.parser, FIELD_STEP_BYTES);
    bool ok = read_lines(&r, lines, max_bytes);
    if (ok && r.n_cols == 0) {
        ok = err_set(err, ERR_INPUT, "%s is empty: a table starts with a header row", path);
    }
    csv_free(&r.parser);
    free(r.bytes);
    free(r.starts);
    free(r.fields);
    text_lines_close(lines);
    return ok;
}

bool csv_read(const char *path, csv_row_fn fn, void *ctx, struct err *err)
{
    return read_rows(path, SIZE_MAX, fn, ctx, err);
}

/* ---- the whole table ---- */

struct loader {
    struct arena *arena;
    struct csv_table *table;
    const char **cells;
    size_t n_cells, cap_cells;
    int *lines;
    int cap_lines;
};

static bool take_header(struct csv_table *table, struct arena *arena, int n_fields,
                        const char *const *fields, struct err *err)
{
    table->n_cols = n_fields;
    table->cols = arena_alloc(arena, (size_t)n_fields, sizeof(const char *));
    for (int i = 0; i < n_fields; i++) {
        for (int j = 0; j < i; j++) {
            if (strcmp(fields[i], fields[j]) == 0) {
                return err_at(err, (struct src_pos){table->file, 1, 0},
                              "columns %d and %d are both named '%s'", j + 1, i + 1, fields[i]);
            }
        }
        table->cols[i] = arena_strdup(arena, fields[i]);
    }
    return true;
}

static bool load_row(void *ctx, int n_fields, const char *const *fields, int64_t line,
                     struct err *err)
{
    struct loader *l = ctx;
    if (!l->table->cols) {
        return take_header(l->table, l->arena, n_fields, fields, err);
    }
    if (l->n_cells + (size_t)n_fields > LOAD_MAX_CELLS) {
        return err_set(err, ERR_INPUT, "'%s' has more than %zu cells", l->table->file,
                       LOAD_MAX_CELLS);
    }
    while (l->n_cells + (size_t)n_fields > l->cap_cells) {
        l->cap_cells = l->cap_cells ? l->cap_cells * 2 : 1024;
        l->cells = xrealloc(l->cells, l->cap_cells, sizeof *l->cells);
    }
    for (int i = 0; i < n_fields; i++) {
        l->cells[l->n_cells++] = fields[i][0] ? arena_strdup(l->arena, fields[i]) : "";
    }
    ARRAY_RESERVE(l->lines, l->cap_lines, l->table->n_rows + 1);
    l->lines[l->table->n_rows++] = clip_line(line);
    return true;
}

bool csv_load(struct arena *arena, const char *path, struct csv_table *table, struct err *err)
{
    memset(table, 0, sizeof *table);
    table->file = arena_strdup(arena, path);
    struct loader l = {.arena = arena, .table = table};
    bool ok = read_rows(table->file, LOAD_MAX_BYTES, load_row, &l, err);
    if (ok) {
        table->cells = arena_alloc(arena, l.n_cells, sizeof *table->cells);
        table->lines = arena_alloc(arena, (size_t)table->n_rows, sizeof *table->lines);
        if (table->n_rows > 0) {
            memcpy(table->cells, l.cells, l.n_cells * sizeof *table->cells);
            memcpy(table->lines, l.lines, (size_t)table->n_rows * sizeof *table->lines);
        }
    }
    free(l.cells);
    free(l.lines);
    return ok;
}

int csv_col(const struct csv_table *table, const char *name)
{
    for (int i = 0; i < table->n_cols; i++) {
        if (strcmp(table->cols[i], name) == 0) {
            return i;
        }
    }
    return -1;
}

bool csv_col_need(const struct csv_table *table, const char *name, int *col, struct err *err)
{
    *col = csv_col(table, name);
    if (*col >= 0) {
        return true;
    }
    err_at(err, (struct src_pos){table->file, 1, 0}, "the column '%s' is missing", name);
    err_suggest(err, name, table->cols, table->n_cols);
    return false;
}

const char *csv_cell(const struct csv_table *table, int row, int col)
{
    ASSERT(row >= 0 && row < table->n_rows && col < table->n_cols);
    return col < 0 ? "" : table->cells[(size_t)row * (size_t)table->n_cols + (size_t)col];
}

bool csv_number(const struct csv_table *table, int row, int col, double fallback, double *value,
                struct err *err)
{
    char why[192];
    const char *cell = csv_cell(table, row, col);
    if (!*cell) {
        *value = fallback;
        return true;
    }
    return quantity_number(cell, value, why, sizeof why) ||
           err_at(err, csv_pos(table, row), "column '%s': %s", table->cols[col], why);
}

bool csv_number_exact(const struct csv_table *table, int row, int col, double *value,
                      struct err *err)
{
    char *end;
    const char *cell = csv_cell(table, row, col);
    if (!*cell) {
        *value = NAN;
        return true;
    }
    *value = strtod(cell, &end);
    return *end == '\0' ||
           err_at(err, csv_pos(table, row), "column '%s': '%.40s' is not a number",
                  table->cols[col], cell);
}

struct src_pos csv_pos(const struct csv_table *table, int row)
{
    return (struct src_pos){table->file, table->lines[row], 0};
}

/* ---- writing ---- */

struct csv_writer {
    FILE *out;
    struct outfile file; /* path NULL: a stream of the caller's */
    int n_in_row;
    bool row_is_blank; /* nothing but empty cells so far */
};

static void note_error(struct csv_writer *w, bool failed)
{
    if (failed && w->file.error == 0) {
        w->file.error = errno ? errno : EIO;
    }
}

struct csv_writer *csv_create(const char *path, struct err *err)
{
    struct csv_writer *w = xcalloc(1, sizeof *w);
    w->row_is_blank = true;
    if (!outfile_open(&w->file, path, err)) {
        free(w);
        return NULL;
    }
    w->out = w->file.out;
    return w;
}

struct csv_writer *csv_on_stream(FILE *out)
{
    struct csv_writer *w = xcalloc(1, sizeof *w);
    w->row_is_blank = true;
    w->out = out;
    return w;
}

static void put_raw(struct csv_writer *w, const char *text, size_t n)
{
    errno = 0;
    if (w->n_in_row++ > 0) {
        note_error(w, fputc(',', w->out) == EOF);
    }
    if (n > 0) {
        w->row_is_blank = false;
        note_error(w, fwrite(text, 1, n, w->out) != n);
    }
}

/* libcsv drops blanks around an unquoted field, and a reader takes a byte order mark at the
 * start of a file for one, so those ask for quotes too. */
static bool needs_quotes(const char *text, size_t n)
{
    return strpbrk(text, ",\"\r\n") || text_bom_bytes(text, n) > 0 ||
           (n > 0 && (strchr(" \t", text[0]) || strchr(" \t", text[n - 1])));
}

void csv_put(struct csv_writer *w, const char *text)
{
    size_t n = text ? strlen(text) : 0;
    if (n == 0 || !needs_quotes(text, n)) {
        put_raw(w, text, n);
        return;
    }
    put_raw(w, "\"", 1);
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '"') {
            note_error(w, fputc('"', w->out) == EOF);
        }
        note_error(w, fputc(text[i], w->out) == EOF);
    }
    note_error(w, fputc('"', w->out) == EOF);
}

void csv_put_all(struct csv_writer *w, const char *const *texts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        csv_put(w, texts[i]);
    }
}

void csv_put_num(struct csv_writer *w, double value)
{
    char text[40];
    if (isnan(value)) {
        put_raw(w, "", 0);
        return;
    }
    /* + 0 turns -0 into 0 */
    put_raw(w, text, (size_t)snprintf(text, sizeof text, "%.9g", value + 0.0));
}

void csv_put_exact(struct csv_writer *w, double value)
{
    char text[40];
    int n = isnan(value) ? 0 : snprintf(text, sizeof text, "%a", value);
    put_raw(w, text, (size_t)n);
}

void csv_put_int(struct csv_writer *w, int64_t value)
{
    char text[32];
    put_raw(w, text, (size_t)snprintf(text, sizeof text, "%lld", (long long)value));
}

void csv_end_row(struct csv_writer *w)
{
    errno = 0;
    if (w->n_in_row == 1 && w->row_is_blank) {
        /* a lone empty cell would read back as a blank line */
        note_error(w, fputs("\"\"", w->out) == EOF);
    }
    note_error(w, fputc('\n', w->out) == EOF);
    w->n_in_row = 0;
    w->row_is_blank = true;
}

static bool close_stream(struct csv_writer *w, struct err *err)
{
    errno = 0;
    note_error(w, fflush(w->out) != 0 || ferror(w->out));
    return w->file.error == 0 ||
           err_set(err, ERR_IO, "cannot write 'standard output': %s", strerror(w->file.error));
}

bool csv_close(struct csv_writer *w, struct err *err)
{
    bool ok = w->file.path ? outfile_close(&w->file, err) : close_stream(w, err);
    free(w);
    return ok;
}

void csv_abandon(struct csv_writer *w)
{
    if (!w) {
        return;
    }
    if (w->file.path) {
        outfile_abandon(&w->file);
    }
    free(w);
}
