/* SPDX-License-Identifier: GPL-3.0-or-later */
/* export_parts.h - what the parts of the export share. Private to sim/report. */
#ifndef EXPORT_PARTS_H
#define EXPORT_PARTS_H

#include <jansson.h>

#include "sim/report/export.h"

enum word_kind {
    WORD_LITERAL,
    WORD_PORT,   /* the HTTP port: an environment variable in a script */
    WORD_HEAD,   /* address of a replica's first node, `text` behind it */
    WORD_RANK,   /* number of the node within its replica */
    WORD_CONFIG, /* path of the configuration file */
    WORD_SHELL,  /* text that a shell expands */
};
struct word {
    enum word_kind kind;
    const char *text;
    bool opens; /* an option: a script breaks the line before it */
};

/* An engine's command. */
struct launch {
    struct arena *arena;
    const struct export_job *job;
    const struct engine_flags *flags;
    const char *version, *image;
    struct word *words; /* owned */
    int n, cap;
    int n_nodes;        /* of one replica */
    const char *worker; /* option that nodes but the first get besides; NULL: none */
    json_t *config;     /* TensorRT-LLM's configuration file; NULL: none. Owned */
    const char *file;   /* its name */
    int port;
    const char *metric; /* requests in service; NULL: not exported by the engine */
    struct err *err;
};

/* The command of a job; scaled: its metrics are needed. False with err when the engine, in this
 * version, cannot do what the plan says. launch_fini in any case. */
bool launch_build(struct arena *arena, const struct export_stock *stock,
                  const struct export_job *job, bool scaled, struct launch *launch,
                  struct err *err);
void launch_fini(struct launch *launch);
/* Words of a launch. The engine's name of a knob; NULL with err when this version has none. */
void launch_put(struct launch *launch, enum word_kind kind, const char *text, bool opens);
const char *launch_flag(struct launch *launch, const char *knob);

/* Where a replica answers: text, or variables of a shell. */
struct peer {
    const char *host, *port, *both; /* both: "host:port" */
};
typedef struct peer (*peer_fn)(struct arena *arena, const struct launch *side, int replica);
/* The router before both sides of a disaggregated job, whose launches these are: its words, and
 * a configuration file where the engine reads one. kind: of words with addresses. False with
 * err as launch_build; launch_fini in any case. */
bool router_build(const struct launch *prefill, const struct launch *decode, peer_fn peer,
                  enum word_kind kind, struct launch *router);

/* A word for a POSIX shell: as it is, or in single quotes. */
const char *export_quote(struct arena *arena, const char *text);
/* Text for a comment: control characters become blanks. */
const char *export_comment(struct arena *arena, const char *text);
/* One YAML document. Texts that YAML could read as something else are quoted. False with
 * ERR_INTERNAL. */
bool export_yaml(const json_t *document, bool marker, FILE *out, struct err *err);

/* Manifests of a launch; prefill: of the other side of a disaggregated one, else NULL. */
bool export_kubernetes(const struct launch *launch, const struct launch *prefill, FILE *out,
                       struct err *err);

void export_note(struct arena *arena, struct export_job *job, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
