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

void report_corrections(const struct cli *cli, const struct experiment *e)
{
    for (int i = 0; i < e->deployments.n; i++) {
        const struct system *s = &e->systems[i];
        if (s->correction_note[0]) {
            cli_note(cli, "%s: %s", s->spec.name, s->correction_note);
        }
    }
}
