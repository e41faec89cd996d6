/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/cli/report.h"

static const double GIB = 1073741824.0;

bool report_fits(const struct experiment *e, struct err *err)
{
    const struct system *nearest = NULL;
    for (int i = 0; i < e->deployments.n; i++) {
        const struct system *s = &e->systems[i];
        if (s->footprint.fits) {
            return true;
        }
        if (!nearest || s->footprint.missing_bytes < nearest->footprint.missing_bytes) {
            nearest = s;
        }
    }
    if (!nearest) {
        return err_set(err, ERR_UNFIT, "the scenario has no deployment");
    }
    return err_set(err, ERR_UNFIT,
                   "no deployment fits: the nearest, %s, lacks %.1f GiB per GPU",
                   nearest->spec.name, nearest->footprint.missing_bytes / GIB);
}

static bool has_images(const struct scenario *sc)
{
    bool any = false;
    for (int c = 0; c < sc->n_classes; c++) {
        any = any || sc->classes[c].images.per_request > 0.0;
    }
    return any;
}

static void report_encoders(const struct cli *cli, const struct experiment *e)
{
    for (int i = 0; i < e->deployments.n; i++) {
        const struct system *s = &e->systems[i];
        if (s->spec.model->vision_params == 0.0) {
            cli_note(cli,
                     "%s: text only: no vision encoder is known, images count as prompt "
                     "tokens without encoder time",
                     s->spec.name);
        }
    }
}

void report_corrections(const struct cli *cli, const struct experiment *e)
{
    for (int i = 0; i < e->deployments.n; i++) {
        const struct system *s = &e->systems[i];
        if (s->correction_note[0]) {
            cli_note(cli, "%s: %s", s->spec.name, s->correction_note);
        }
    }
    if (has_images(e->scenario)) {
        report_encoders(cli, e);
    }
}
