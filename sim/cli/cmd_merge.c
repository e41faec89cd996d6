/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd_merge.c - headroom merge: the tables of a run or sweep whose points were simulated
 * elsewhere, by the code that makes them in one process. */
#include "sim/cli/cli.h"
#include "sim/cli/job_dir.h"

bool cmd_merge(struct cli *cli, struct err *err)
{
    const char *name;
    if (!job_dir_recall(cli, &name, err)) {
        return false;
    }
    const struct command *command = command_find(name, err);
    if (!command) {
        return false;
    }
    cli->command = command;
    return cli_find_data(cli, err) && command->run(cli, err);
}
