/* SPDX-License-Identifier: GPL-3.0-or-later */
/* gnuplot.h - gnuplot as an external program: text quoted so that it stays text, and one run
 * without a shell, with the C.UTF-8 locale and none of the user's gnuplot settings. */
#ifndef GNUPLOT_H
#define GNUPLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "sim/base/err.h"

/* Writes text as a gnuplot string. Control characters become blanks; every byte that is not
 * plainly harmless is an octal escape, so quotes, backticks, macros and line ends cannot occur.
 */
void gnuplot_put_text(FILE *script, const char *text);

/* The same for a path. "./" goes before a relative one, since gnuplot gives a first byte of
 * '<', '|',
 * '$' or '~' a meaning (a pipe, for example). */
void gnuplot_put_path(FILE *script, const char *path);

/* Runs the script. program: name (found in PATH) or path, NULL: "gnuplot". ERR_IO with
 * gnuplot's own message when it fails, with the package to install when it is missing. */
bool gnuplot_run(const char *program, const char *script, size_t n, struct err *err);

#endif
