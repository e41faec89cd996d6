/* SPDX-License-Identifier: GPL-3.0-or-later */
/* outfile.h - a file that is there whole or not at all: written beside its path, forced to
 * disk, then renamed, and the rename forced to disk too. After a kill or a power failure at any
 * moment the path holds the old bytes or the new ones. */
#ifndef OUTFILE_H
#define OUTFILE_H

#include <stdbool.h>
#include <stdio.h>

#include "sim/base/err.h"

struct outfile {
    FILE *out;
    char *path; /* where it will be; a link is followed */
    char *tmp;  /* "<path>.tmp.<process>[-<n>]"; NULL: path is no regular file (a pipe,
                   /dev/full)  and is written directly */
    int error;  /* errno of the first failure the caller noted; 0: none */
};

/* False with err (ERR_IO) when it cannot be created. */
bool outfile_open(struct outfile *f, const char *path, struct err *err);
/* Finishes the file. False with err when it, or anything before (f->error, the stream's error
 * flag), failed: then path is as it was. Frees what outfile_open allocated in any case. */
bool outfile_close(struct outfile *f, struct err *err);
/* Removes the unfinished file. */
void outfile_abandon(struct outfile *f);
/* Forces the entries of the folder of `path` to disk; a file system that cannot is no error. */
void outfile_sync_folder(const char *path);

/* Removes from a folder what killed writers left beside the tables and documents there:
 * "*.csv.tmp.<n>", "*.json.tmp.<n>", "*.html.tmp.<n>". */
void outfile_sweep(const char *dir);

#endif
