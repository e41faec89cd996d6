/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz_scenario.c - scenario files: refused with a reason, or printed with their defaults to a
 * text that reads again and prints the same. */
#include "scenarios/scenario.h"
#include "tests/fuzz/fuzz.h"

static char *print(const struct scenario *sc, size_t *n)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, n);
    FUZZ_CHECK(out != NULL);
    scenario_write(sc, out);
    FUZZ_CHECK(fclose(out) == 0);
    return text;
}

/* Names and texts of all values are the same; where they came from is not. */
static void check_equal(const struct scenario *a, const struct scenario *b)
{
    FUZZ_CHECK(a->n_values == b->n_values);
    for (int i = 0; i < a->n_values; i++) {
        const struct scenario_value *x = &a->values[i], *y = &b->values[i];
        bool same_text =
            x->text && y->text ? strcmp(x->text, y->text) == 0 : x->text == y->text;
        if (strcmp(x->path, y->path) != 0 || !same_text) {
            fprintf(stderr, "%s: %s, then %s: %s\n", x->path, x->text ? x->text : "", y->path,
                    y->text ? y->text : "");
            fuzz_fail("a scenario reads again as it was", __FILE__, __LINE__);
        }
    }
}

static void check_again(struct arena *arena, const struct scenario *sc)
{
    size_t n = 0;
    struct scenario *again;
    struct err err = {0};
    char *text = print(sc, &n);
    if (!scenario_parse(arena, "fuzz.yaml", text, n, NULL, 0, &again, &err)) {
        err_print(&err, stderr);
        fuzz_fail("the resolved scenario reads again", __FILE__, __LINE__);
    }
    check_equal(sc, again);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena *arena = arena_new();
    struct scenario *sc;
    struct err err = {0};
    const char *text = n > 0 ? (const char *)data : "";
    if (scenario_parse(arena, "fuzz.yaml", text, n, NULL, 0, &sc, &err)) {
        const char *dir = scenario_dir_name(arena, sc);
        FUZZ_CHECK(dir[0] != '\0' && dir[0] != '.' && dir[0] != '-' && !strchr(dir, '/'));
        FUZZ_CHECK(scenario_count_deployments(sc) > 0);
        check_again(arena, sc);
    } else {
        fuzz_check_refused(&err);
    }
    arena_free(arena);
    return 0;
}
