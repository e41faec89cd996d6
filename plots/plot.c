/* SPDX-License-Identifier: GPL-3.0-or-later */
/* plot.c - see plot.h: puts the script together, runs gnuplot once for both files, finishes the
 * SVG and moves both into place. */
#include "plots/plot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plots/figure.h"
#include "plots/gnuplot.h"

static const struct kind {
    const char *name;
    bool (*draw)(struct figure *fig, struct err *err);
} kinds[] = {
    {"latency", lines_draw},   {"throughput", lines_draw}, {"memory", bars_draw},
    {"breakdown", bars_draw},  {"timeline", lines_draw},   {"experts", heat_draw},
    {"links", lines_draw},     {"imbalance", lines_draw},  {"validation", scatter_draw},
    {"cost", ranges_draw},     {"tornado", ranges_draw},   {"breakeven", series_draw},
    {"forecast", series_draw}, {"cash", series_draw},      {"pareto", series_draw},
    {"quality", series_draw},  {"cache", bars_draw},
};
#define N_KINDS ((int)(sizeof kinds / sizeof *kinds))
#define SVG_MAX_BYTES (64 << 20)

const char *plot_kind(int idx)
{
    return idx >= 0 && idx < N_KINDS ? kinds[idx].name : NULL;
}

static const struct kind *find_kind(const char *name, struct err *err)
{
    const char *names[N_KINDS];
    for (int i = 0; i < N_KINDS; i++) {
        names[i] = kinds[i].name;
        if (strcmp(name, kinds[i].name) == 0) {
            return &kinds[i];
        }
    }
    err_set(err, ERR_USAGE, "there is no chart '%s'", name);
    err_suggest(err, name, names, N_KINDS);
    return NULL;
}

/* Paths of one output: where gnuplot writes and where the finished file goes. */
struct output {
    const char *temporary;
    const char *final;
};

static struct output output_paths(const struct figure *fig, const char *suffix)
{
    const char *base = fig->chart->out_base;
    return (struct output){
        .temporary = arena_printf(fig->arena, "%s.tmp%s", base, suffix),
        .final = arena_printf(fig->arena, "%s%s", base, suffix),
    };
}

/* One pass: terminal, output, then marks and template of each panel. The PNG has twice the
 * pixels, for print and slides. */
static void put_pass(FILE *script, const struct figure *fig, bool png, const char *path,
                     const char *marks)
{
    int scale = png ? 2 : 1;
    fprintf(script, "reset\nset terminal %s size %d,%d noenhanced background '#ffffff' ",
            png ? "pngcairo" : "svg", FIGURE_W_PX * scale, fig->h_px * scale);
    if (png) {
        fprintf(script,
                "font 'DejaVu Sans,12' fontscale 1.5 linewidth 2 dashlength 2 pointscale 2\n");
    } else {
        fprintf(script, "font 'DejaVu Sans,12' name '%s'\n", fig->chart->kind);
    }
    fprintf(script, "set output ");
    gnuplot_put_path(script, path);
    fprintf(script,
            "\nload TEMPLATES.'style.gp'\nset multiplot\n%sunset multiplot\nunset output\n",
            marks);
}

static void put_paths(FILE *script, const struct figure *fig)
{
    fprintf(script, "set encoding utf8\nCSV = ");
    gnuplot_put_path(script, fig->chart->csv_path);
    fprintf(script, "\nTEMPLATES = ");
    gnuplot_put_path(script, arena_printf(fig->arena, "%s/", fig->chart->template_dir));
    putc('\n', script);
}

static void put_escaped(FILE *out, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '&':
            fputs("&amp;", out);
            break;
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        default:
            putc((unsigned char)*text < 0x20 ? ' ' : *text, out);
        }
    }
}

static bool replace(const char **at, const char *from, FILE *out, const char *to)
{
    size_t n = strlen(from);
    if (strncmp(*at, from, n) != 0) {
        return false;
    }
    fputs(to, out);
    *at += n;
    return true;
}

/* gnuplot names the font without a substitute and writes the weight into its name; the
 * picture's title is for screen readers. The titles of its parts would be shown and read out
 * too, and they are plot commands. */
static void finish_svg_text(const struct chart *chart, const char *svg, FILE *out)
{
    static const char family[] = "font-family=\"DejaVu Sans,Verdana,sans-serif\"";
    static const char bold[] =
        "font-family=\"DejaVu Sans,Verdana,sans-serif\" font-weight=\"bold\"";
    bool titled = false;
    for (const char *s = svg; *s;) {
        if (titled && strncmp(s, "<title>", 7) == 0 && strstr(s, "</title>")) {
            s = strstr(s, "</title>") + strlen("</title>");
        } else if (!titled && strncmp(s, "<title>", 7) == 0 && strstr(s, "</desc>")) {
            fputs("<title>", out);
            put_escaped(out, chart->title);
            fputs("</title>\n<desc>", out);
            put_escaped(out, chart->subtitle ? chart->subtitle : "");
            s = strstr(s, "</desc>");
            titled = true;
        } else if (!replace(&s, "font-family=\"DejaVu Sans\"", out, family) &&
                   !replace(&s, "font-family=\"DejaVu Sans:Bold\"", out, bold)) {
            putc(*s++, out);
        }
    }
}

static char *read_file(const char *path)
{
    FILE *in = fopen(path, "rb");
    char *text = NULL;
    if (in && fseek(in, 0, SEEK_END) == 0) {
        long n = ftell(in);
        if (n > 0 && n <= SVG_MAX_BYTES) {
            rewind(in);
            text = xcalloc((size_t)n + 1, 1);
            if (fread(text, 1, (size_t)n, in) != (size_t)n) {
                free(text);
                text = NULL;
            }
        }
    }
    if (in) {
        fclose(in);
    }
    return text;
}

static bool finish_svg(const struct chart *chart, const char *path, struct err *err)
{
    char *svg = read_file(path);
    FILE *out = svg ? fopen(path, "wb") : NULL;
    bool ok = out != NULL;
    if (ok) {
        finish_svg_text(chart, svg, out);
        ok = !ferror(out);
        ok = fclose(out) == 0 && ok;
    }
    free(svg);
    return ok || err_set(err, ERR_IO, "cannot finish %s: %s", path, strerror(errno));
}

static bool put_in_place(const struct output *output, struct err *err)
{
    if (rename(output->temporary, output->final) != 0) {
        return err_set(err, ERR_IO, "cannot write %s: %s", output->final, strerror(errno));
    }
    return true;
}

static bool render(struct figure *fig, const char *vars, const char *marks, struct err *err)
{
    struct output svg = output_paths(fig, ".svg"), png = output_paths(fig, ".png");
    char *text = NULL;
    size_t n = 0;
    FILE *script = open_memstream(&text, &n);
    ASSERT(script);
    put_paths(script, fig);
    fputs(vars, script);
    put_pass(script, fig, false, svg.temporary, marks);
    put_pass(script, fig, true, png.temporary, marks);
    fclose(script);
    bool ok = gnuplot_run(fig->chart->gnuplot, text, n, err) &&
              finish_svg(fig->chart, svg.temporary, err) && put_in_place(&png, err) &&
              put_in_place(&svg, err);
    if (!ok) {
        unlink(svg.temporary);
        unlink(png.temporary);
    }
    free(text);
    return ok;
}

bool plot_chart(const struct chart *chart, struct err *err)
{
    const struct kind *kind = find_kind(chart->kind, err);
    if (!kind) {
        return false;
    }
    struct figure fig;
    bool ok = figure_open(&fig, chart, err);
    if (ok) {
        char *vars = NULL, *marks = NULL;
        size_t n_vars = 0, n_marks = 0;
        fig.vars = open_memstream(&vars, &n_vars);
        fig.marks = open_memstream(&marks, &n_marks);
        ASSERT(fig.vars && fig.marks);
        ok = kind->draw(&fig, err);
        fclose(fig.vars);
        fclose(fig.marks);
        ok = ok && render(&fig, vars, marks, err);
        free(vars);
        free(marks);
    }
    figure_close(&fig);
    return ok;
}
