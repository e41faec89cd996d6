/* SPDX-License-Identifier: GPL-3.0-or-later */
/* docs.c - docs man | docs completion: the manual page and the bash completion, from the tables
 * that --help prints. */
#include <stdio.h>
#include <string.h>

#include "sim/cli/options.h"

/* ---- manual page ---- */

/* Text for troff: hyphens that can be copied, no escapes, no requests. */
static void put(const char *text)
{
    bool at_start = true;
    for (const char *c = text; *c; c++) {
        if (at_start && (*c == '.' || *c == '\'')) {
            fputs("\\&", stdout);
        }
        if (*c == '\\') {
            fputs("\\e", stdout);
        } else if (*c == '-') {
            fputs("\\-", stdout);
        } else {
            putchar(*c);
        }
        at_start = *c == '\n';
    }
}

static void put_option(const struct option_spec *o)
{
    puts(".TP");
    fputs(".B ", stdout);
    if (o->letter) {
        printf("\\-%c, ", o->letter);
    }
    fputs("\\-\\-", stdout);
    put(o->name);
    if (o->arg) {
        fputs(" \\fI", stdout);
        put(o->arg);
        fputs("\\fR", stdout);
    }
    putchar('\n');
    put(o->help);
    if (o->fallback) {
        fputs(" (default: ", stdout);
        put(o->fallback);
        putchar(')');
    }
    putchar('\n');
}

static void put_command(const struct command *c)
{
    fputs(".SS headroom ", stdout);
    put(c->name);
    fputs(" [OPTIONS] ", stdout);
    put(c->args);
    putchar('\n');
    put(c->details);
    putchar('\n');
    for (int i = 0; i < c->n_options; i++) {
        put_option(&c->options[i]);
    }
}

static void put_commands(void)
{
    puts(".SH COMMANDS");
    for (int i = 0; command_at(i); i++) {
        put_command(command_at(i));
    }
}

static void put_man(void)
{
    puts(
        ".\\\" Written by packaging/docs.c from the option tables of the program.\n"
        ".TH HEADROOM 1 \"\" \"headroom " HEADROOM_VERSION "\" \"User Commands\"\n"
        ".SH NAME\n"
        "headroom \\- capacity planner and simulator for serving language models on GPUs\n"
        ".SH SYNOPSIS\n"
        ".B headroom\n"
        ".I COMMAND\n"
        "[OPTIONS] ARGUMENTS\n"
        ".SH DESCRIPTION\n"
        "headroom says which GPUs, how many, at what throughput, latency and cost, an\n"
        "open\\-weight language model needs for a workload and its service levels. A scenario\n"
        "file names the model, the workload and the deployments to compare; the commands\n"
        "simulate them and write CSV tables and charts. Tables go to the output directory and\n"
        "results to standard output; notes, progress and errors go to standard error.");
    put_commands();
    puts(".SH EXIT STATUS\n"
         ".TP\n.B 0\nevery row was produced\n"
         ".TP\n.B 1\nnothing fits, or with \\-\\-strict a service level was missed\n"
         ".TP\n.B 2\nwrong command line\n"
         ".TP\n.B 3\nbad input file\n"
         ".TP\n.B 4\ninput or output failed\n"
         ".TP\n.B 70\nerror of the program\n"
         ".TP\n.B 130, 143\nstopped by a signal\n"
         ".SH ENVIRONMENT\n"
         ".TP\n.B HEADROOM_PATH\ncatalogue directories, separated by colons, searched before "
         "the\n"
         "installed one\n"
         ".TP\n.B SOURCE_DATE_EPOCH\nseconds since 1970: the day to which price ages are "
         "counted\n"
         ".SH FILES\n"
         ".TP\n.I " HEADROOM_PREFIX "/share/headroom\n"
         "the catalogue (models, hardware), shipped scenarios and chart templates\n"
         ".SH EXAMPLES\n"
         ".EX\n"
         "headroom check scenarios/quickstart.yaml\n"
         "headroom memory scenarios/scout\\-vs\\-maverick.yaml\n"
         "headroom run scenarios/quickstart.yaml \\-\\-set engine.kind=sglang\n"
         "headroom sweep scenarios/quickstart.yaml \\-o out/quickstart\n"
         "headroom catalog gpus h100\\-sxm\n"
         ".EE");
}

/* ---- completion ---- */

static void put_names(void)
{
    for (int i = 0; command_at(i); i++) {
        printf("%s%s", i ? " " : "", command_at(i)->name);
    }
}

/* What may stand where a table says DIR, FILE, ...: an action of compgen, "" for nothing. */
static const char *action_of(const char *arg)
{
    if (strcmp(arg, "DIR") == 0) {
        return "-d";
    }
    return strstr(arg, "FILE") ? "-f" : "";
}

/* A name that takes files in one command and folders in another completes both. */
static void put_option_arguments(const struct command *c)
{
    for (int i = 0; i < c->n_options; i++) {
        const struct option_spec *o = &c->options[i];
        if (!o->arg) {
            continue;
        }
        printf("    %s:--%s", c->name, o->name);
        if (o->letter) {
            printf(" | %s:-%c", c->name, o->letter);
        }
        printf(") mapfile -t COMPREPLY < <(compgen %s -- \"$word\"); return ;;\n",
               action_of(o->arg)[0] ? action_of(o->arg) : "-W ''");
    }
}

static void put_options(const struct command *c)
{
    printf("        %s) words=\"", c->name);
    for (int i = 0; i < c->n_options; i++) {
        printf("%s--%s", i ? " " : "", c->options[i].name);
    }
    puts("\" ;;");
}

static void put_arguments(const struct command *c)
{
    const char *action =
        strcmp(c->args, "KIND [NAME]") == 0 ? "-W 'models gpus nodes prices managed'" : "-f";
    printf("    %s) mapfile -t COMPREPLY < <(compgen %s -- \"$word\") ;;\n", c->name, action);
}

static void put_completion(void)
{
    fputs(
        "# bash completion of headroom; written by packaging/docs.c from the option tables\n"
        "_headroom() {\n"
        "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} words=\n"
        "    local command=${COMP_WORDS[1]-}\n"
        "    COMPREPLY=()\n"
        "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
        "        mapfile -t COMPREPLY < <(compgen -W \"",
        stdout);
    put_names();
    fputs(" help --help --version\" -- \"$word\")\n        return\n    fi\n"
          "    case $command:$before in\n",
          stdout);
    for (int i = 0; command_at(i); i++) {
        put_option_arguments(command_at(i));
    }
    fputs("    help:*) mapfile -t COMPREPLY < <(compgen -W \"", stdout);
    put_names();
    fputs("\" -- \"$word\"); return ;;\n    esac\n"
          "    if [[ $word == -* ]]; then\n        case $command in\n",
          stdout);
    for (int i = 0; command_at(i); i++) {
        put_options(command_at(i));
    }
    fputs("        esac\n"
          "        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
          "        return\n    fi\n    case $command in\n",
          stdout);
    for (int i = 0; command_at(i); i++) {
        put_arguments(command_at(i));
    }
    puts("    esac\n}\ncomplete -o filenames -F _headroom headroom");
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "man") == 0) {
        put_man();
    } else if (argc == 2 && strcmp(argv[1], "completion") == 0) {
        put_completion();
    } else {
        fputs("usage: docs man | completion\n", stderr);
        return 2;
    }
    return ferror(stdout) || fflush(stdout) != 0;
}
