/* SPDX-License-Identifier: GPL-3.0-or-later */
/* job_dir.h - the folder of parts of a command: OUT/parts, or for merge the folders of the
 * shards. Beside the points it holds job.csv: the command line, so that merge can repeat it. */
#ifndef JOB_DIR_H
#define JOB_DIR_H

#include "sim/cli/cli.h"
#include "sim/experiment/parts.h"

/* Begins, continues or merges, as the options say. Parts of another run are refused (ERR_INPUT)
 * with --resume, --shard and merge; else those of an interrupted run make way for the new one.
 * Finished points of this very run without --resume are a usage error: nobody wants to lose
 * them unasked. cli->as_of becomes that of the start. `parts` borrows from the arena. */
bool job_dir_open(struct cli *cli, const struct scenario *sc, struct parts *parts,
                  struct err *err);
/* Lets go of the folder, and removes it when all is done and written, or nothing is in it,
 * unless others need it (shards, merge). */
void job_dir_finish(struct parts *parts, bool whole);

/* For merge: takes scenario, --set and the rest of the command line from the parts of the
 * folders in the arguments, and names the command that made them. False with err. */
bool job_dir_recall(struct cli *cli, const char **command, struct err *err);

/* Adds to an error that finished pieces ("points", "candidates") are kept, and how to go on. */
void job_dir_hint(const char *pieces, int n_done, int n_mine, struct err *err);
/* "stopped by a signal: ...", and how to go on. */
void job_dir_note_stop(struct cli *cli, const char *pieces, int n_done, int n_mine);
/* What a shard has done, and what merge does then. */
void job_dir_note_shard(const struct cli *cli, const struct parts *parts, const char *pieces,
                        int n_done, int n_all);

#endif
