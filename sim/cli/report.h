/* SPDX-License-Identifier: GPL-3.0-or-later */
/* report.h - what commands that build an experiment say about it. Private to sim/cli. */
#ifndef REPORT_H
#define REPORT_H

#include "sim/cli/cli.h"
#include "sim/report/tables.h"

/* Does any deployment fit? Else ERR_UNFIT with the one that lacks least. */
bool report_fits(const struct experiment *e, struct err *err);
/* What the scenario's calibration did to each deployment, as notes. */
void report_corrections(const struct cli *cli, const struct experiment *e);

#endif
