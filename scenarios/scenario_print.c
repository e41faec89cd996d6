/* SPDX-License-Identifier: GPL-3.0-or-later */
/* scenario_print.c - the resolved scenario as YAML with the origin of each value, and the small
 * questions others ask of a scenario. */
#include <string.h>

#include "scenarios/scenario.h"

enum { INDENT = 2, COMMENT_COLUMN = 44 };
static const double DAY_S = 86400;

static void write_origin(const struct scenario_value *value, FILE *out)
{
    const char *slash = value->pos.file ? strrchr(value->pos.file, '/') : NULL;
    switch (value->origin) {
    case ORIGIN_FILE:
        fprintf(out, "# %s:%d\n", slash ? slash + 1 : value->pos.file, value->pos.line);
        break;
    case ORIGIN_SET:
        fputs("# --set\n", out);
        break;
    default:
        fputs("# default\n", out);
        break;
    }
}

static void write_value(const struct scenario_value *value, FILE *out)
{
    int indent = INDENT * value->depth;
    int width = value->item ? fprintf(out, "%*s- %s:", indent - INDENT, "", value->key)
                            : fprintf(out, "%*s%s:", indent, "", value->key);
    if (!value->text) {
        fputc('\n', out);
        return;
    }
    width += fprintf(out, " %s", value->text);
    fprintf(out, "%*s ", width < COMMENT_COLUMN ? COMMENT_COLUMN - width : 0, "");
    write_origin(value, out);
}

void scenario_write(const struct scenario *sc, FILE *out)
{
    for (int i = 0; i < sc->n_values; i++) {
        write_value(&sc->values[i], out);
    }
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '.' || c == '_' || c == '-';
}

const char *scenario_dir_name(struct arena *arena, const struct scenario *sc)
{
    char *name = arena_strdup(arena, sc->name);
    for (char *c = name; *c; c++) {
        if (!is_name_char(*c)) {
            *c = '-';
        }
    }
    while (*name == '-' || *name == '.') {
        name++;
    }
    return *name ? name : "scenario";
}

double scenario_rate_rps(const struct scenario *sc)
{
    double sum = 0;
    for (int c = 0; c < sc->n_classes; c++) {
        sum += sc->classes[c].arrivals.rate_rps;
    }
    return isnan(sum) ? sc->demand.requests_per_day / DAY_S : sum;
}

double scenario_class_rate_rps(const struct scenario *sc, int c, double total_rps)
{
    ASSERT(c >= 0 && c < sc->n_classes);
    return total_rps * sc->classes[c].share_frac;
}

int64_t scenario_max_model_len(const struct scenario *sc, const struct model *model)
{
    if (sc->engine.max_model_len != SCENARIO_AUTO) {
        return sc->engine.max_model_len;
    }
    int64_t longest = model->max_context_tokens;
    return longest > 0 && longest < SCENARIO_DEFAULT_MODEL_LEN ? longest
                                                               : SCENARIO_DEFAULT_MODEL_LEN;
}
