/* SPDX-License-Identifier: GPL-3.0-or-later */
/* export_kubernetes.c - manifests of a launch: a Deployment (a LeaderWorkerSet where a replica
 * spans nodes), a Service before it, a ConfigMap for an engine that reads a file, and a
 * HorizontalPodAutoscaler where the plan grows.
 *
 * The autoscaler holds the mean number of requests in service per replica at what the plan has
 * at its peak (Little's law), between the replicas of the first month and the most of the
 * horizon. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/report/export_parts.h"

enum {
    NAME_MAX_CHARS = 40, /* pods add their own numbers to it; 63 is the limit of a label */
    PROBE_PERIOD_S = 10,
    START_BASE_S = 600, /* compilation, graph capture */
};
/* Weights are fetched at least this fast, else the pod is started anew. */
static const double LOAD_BYTES_PER_S = 2e8;
static const char CONFIG_DIR[] = "/etc/headroom";
static const char CONFIG_FILE[] = "trtllm.yaml";

struct manifests {
    const struct export_job *job;
    const struct launch *l;
    FILE *out;
    struct err *err;
    char name[NAME_MAX_CHARS + 1];
};

/* ---- names ----------------------------------------------------------------------------------
 */

/* Lower-case letters, digits and single dashes, as Kubernetes wants names. */
static void make_name(const struct export_job *job, char *name)
{
    char full[256];
    const char *slash = strrchr(job->spec.model->name, '/');
    snprintf(full, sizeof full, "%.200s-%s-%s", slash ? slash + 1 : job->spec.model->name,
             dtype_name(job->spec.checkpoint.weights), engine_names[job->spec.engine]);
    size_t n = 0;
    for (const char *c = full; *c && n < NAME_MAX_CHARS; c++) {
        bool keep = isalnum((unsigned char)*c);
        if (keep || (n > 0 && name[n - 1] != '-')) {
            name[n++] = keep ? (char)tolower((unsigned char)*c) : '-';
        }
    }
    while (n > 0 && name[n - 1] == '-') {
        n--;
    }
    name[n] = '\0';
    if (n == 0 || isdigit((unsigned char)name[0])) {
        snprintf(name, NAME_MAX_CHARS + 1, "%s", engine_names[job->spec.engine]);
    }
}

static json_t *labels(const struct manifests *m)
{
    return json_pack("{s:s}", "app.kubernetes.io/name", m->name);
}

static json_t *metadata(const struct manifests *m)
{
    return json_pack("{s:s, s:o}", "name", m->name, "labels", labels(m));
}

/* Which pods answer clients: all, or the first of each replica. */
static json_t *selector(const struct manifests *m)
{
    json_t *s = labels(m);
    if (m->l->n_nodes > 1) {
        json_object_set_new(s, "role", json_string("leader"));
    }
    return s;
}

/* ---- container ------------------------------------------------------------------------------
 */

/* Kubernetes expands $(NAME) in a command; "$$" is a dollar sign. */
static const char *escape(struct arena *arena, const char *text)
{
    char *out = arena_alloc(arena, 2 * strlen(text) + 1, 1);
    size_t n = 0;
    for (const char *c = text; *c; c++) {
        if (*c == '$') {
            out[n++] = '$';
        }
        out[n++] = *c;
    }
    return out;
}

static const char *word_text(const struct launch *l, const struct word *w)
{
    switch (w->kind) {
    case WORD_PORT:
        return arena_printf(l->arena, "%d", l->port);
    case WORD_HEAD:
        return arena_printf(l->arena, "$(LWS_LEADER_ADDRESS)%s", w->text);
    case WORD_RANK:
        return "$(LWS_WORKER_INDEX)";
    case WORD_CONFIG:
        return arena_printf(l->arena, "%s/%s", CONFIG_DIR, CONFIG_FILE);
    default:
        return escape(l->arena, w->text);
    }
}

static json_t *command(const struct launch *l, bool worker)
{
    json_t *words = json_array();
    for (int i = 0; i < l->n; i++) {
        json_array_append_new(words, json_string(word_text(l, &l->words[i])));
    }
    if (worker && l->worker) {
        json_array_append_new(words, json_string(l->worker));
    }
    return words;
}

static json_t *probe(int failures)
{
    return json_pack("{s:{s:s, s:s}, s:i, s:i, s:i}", "httpGet", "path", "/health", "port",
                     "http", "periodSeconds", PROBE_PERIOD_S, "timeoutSeconds", 5,
                     "failureThreshold", failures);
}

static void add_probes(const struct manifests *m, json_t *container)
{
    double load_s = START_BASE_S + m->job->checkpoint_bytes / LOAD_BYTES_PER_S;
    json_object_set_new(container, "ports",
                        json_pack("[{s:s, s:i}]", "name", "http", "containerPort", m->l->port));
    json_object_set_new(container, "startupProbe", probe((int)ceil(load_s / PROBE_PERIOD_S)));
    json_object_set_new(container, "readinessProbe", probe(1));
    json_object_set_new(container, "livenessProbe", probe(6));
}

static json_t *environment(void)
{
    return json_pack("[{s:s, s:s}, {s:s, s:{s:{s:s, s:s, s:b}}}]", "name", "HF_HOME", "value",
                     "/models", "name", "HF_TOKEN", "valueFrom", "secretKeyRef", "name",
                     "hf-token", "key", "token", "optional", 1);
}

static json_t *container(const struct manifests *m, bool worker)
{
    int n_gpus = m->l->n_nodes > 1 ? m->job->gpus_per_node : m->job->n_gpus;
    json_t *c = json_pack("{s:s, s:s, s:o, s:o}", "name", "server", "image", m->l->image,
                          "command", command(m->l, worker), "env", environment());
    json_object_set_new(c, "resources",
                        json_pack("{s:{s:i}, s:{s:i}}", "requests", "nvidia.com/gpu", n_gpus,
                                  "limits", "nvidia.com/gpu", n_gpus));
    if (!worker) {
        add_probes(m, c);
    }
    json_t *mounts = json_pack("[{s:s, s:s}, {s:s, s:s}]", "name", "shm", "mountPath",
                               "/dev/shm", "name", "models", "mountPath", "/models");
    if (m->l->config) {
        json_array_append_new(
            mounts, json_pack("{s:s, s:s}", "name", "config", "mountPath", CONFIG_DIR));
    }
    json_object_set_new(c, "volumeMounts", mounts);
    return c;
}

static json_t *pod(const struct manifests *m, bool worker)
{
    json_t *volumes = json_pack("[{s:s, s:{s:s}}, {s:s, s:{}}]", "name", "shm", "emptyDir",
                                "medium", "Memory", "name", "models", "emptyDir");
    if (m->l->config) {
        json_array_append_new(volumes, json_pack("{s:s, s:{s:s}}", "name", "config",
                                                 "configMap", "name", m->name));
    }
    json_t *pod_labels = worker ? labels(m) : selector(m);
    /* service links would set VLLM_* variables that the engine takes for its own */
    return json_pack("{s:{s:o}, s:{s:b, s:[o], s:o}}", "metadata", "labels", pod_labels, "spec",
                     "enableServiceLinks", 0, "containers", container(m, worker), "volumes",
                     volumes);
}

/* ---- documents ------------------------------------------------------------------------------
 */

static bool write_document(const struct manifests *m, json_t *document)
{
    bool ok = export_yaml(document, true, m->out, m->err);
    json_decref(document);
    return ok;
}

static json_t *document(const struct manifests *m, const char *api, const char *kind)
{
    return json_pack("{s:s, s:s, s:o}", "apiVersion", api, "kind", kind, "metadata",
                     metadata(m));
}

static int64_t replicas(const struct manifests *m)
{
    return m->job->replicas + m->job->spares;
}

/* GPUs are taken to the last, so an update has to stop a replica before it starts one. */
static json_t *deployment(const struct manifests *m)
{
    json_t *d = document(m, "apps/v1", "Deployment");
    json_object_set_new(d, "spec",
                        json_pack("{s:I, s:{s:o}, s:{s:s, s:{s:i, s:i}}, s:o}", "replicas",
                                  (json_int_t)replicas(m), "selector", "matchLabels", labels(m),
                                  "strategy", "type", "RollingUpdate", "rollingUpdate",
                                  "maxSurge", 0, "maxUnavailable", 1, "template",
                                  pod(m, false)));
    return d;
}

static json_t *worker_set(const struct manifests *m)
{
    json_t *d = document(m, "leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet");
    json_object_set_new(d, "spec",
                        json_pack("{s:I, s:{s:i, s:s, s:o, s:o}}", "replicas",
                                  (json_int_t)replicas(m), "leaderWorkerTemplate", "size",
                                  m->l->n_nodes, "restartPolicy", "RecreateGroupOnPodRestart",
                                  "leaderTemplate", pod(m, false), "workerTemplate",
                                  pod(m, true)));
    return d;
}

static json_t *service(const struct manifests *m)
{
    json_t *d = document(m, "v1", "Service");
    json_object_set_new(d, "spec",
                        json_pack("{s:o, s:[{s:s, s:i, s:s}]}", "selector", selector(m),
                                  "ports", "name", "http", "port", m->l->port, "targetPort",
                                  "http"));
    return d;
}

static bool write_config_map(const struct manifests *m)
{
    char *text = NULL;
    size_t n = 0;
    FILE *memory = open_memstream(&text, &n);
    ASSERT(memory);
    bool ok = export_yaml(m->l->config, false, memory, m->err);
    fclose(memory);
    json_t *d = document(m, "v1", "ConfigMap");
    json_object_set_new(d, "data", json_pack("{s:s}", CONFIG_FILE, text));
    free(text);
    return write_document(m, d) && ok;
}

static bool write_autoscaler(const struct manifests *m)
{
    const struct export_job *job = m->job;
    if (job->most_replicas <= replicas(m)) {
        return true;
    }
    if (!m->l->metric || isnan(job->running_per_replica)) {
        fprintf(m->out,
                "# The plan grows to %lld replicas; without a %s there is no autoscaler.\n",
                (long long)job->most_replicas,
                m->l->metric ? "load per replica" : "metric of the engine");
        return true;
    }
    bool spans = m->l->n_nodes > 1;
    char average[32];
    snprintf(average, sizeof average, "%.0f", fmax(1.0, floor(job->running_per_replica)));
    json_t *d = document(m, "autoscaling/v2", "HorizontalPodAutoscaler");
    json_object_set_new(
        d, "spec",
        json_pack("{s:{s:s, s:s, s:s}, s:I, s:I, s:[{s:s, s:{s:{s:s}, s:{s:s, s:s}}}]}",
                  "scaleTargetRef", "apiVersion",
                  spans ? "leaderworkerset.x-k8s.io/v1" : "apps/v1", "kind",
                  spans ? "LeaderWorkerSet" : "Deployment", "name", m->name, "minReplicas",
                  (json_int_t)replicas(m), "maxReplicas", (json_int_t)job->most_replicas,
                  "metrics", "type", "Pods", "pods", "metric", "name", m->l->metric, "target",
                  "type", "AverageValue", "averageValue", average));
    fprintf(m->out, "# needs %s in the custom metrics API (Prometheus adapter)\n",
            m->l->metric);
    return write_document(m, d);
}

static void write_needs(const struct manifests *m)
{
    fputs(
        "# Gated checkpoints need a secret: kubectl create secret generic hf-token "
        "--from-literal=token=...\n"
        "# Each pod fetches the weights into an emptyDir; a volume that pods share (models) is "
        "faster.\n",
        m->out);
    if (m->l->n_nodes > 1) {
        fprintf(
            m->out,
            "# A replica spans %d nodes: install LeaderWorkerSet 0.6 or newer. RDMA network "
            "devices are\n# requested as the cluster names them.\n",
            m->l->n_nodes);
    }
    if (m->job->node[0]) {
        fprintf(m->out,
                "# planned on %s, %d GPUs a node: add a node selector where the cluster "
                "has other GPUs\n",
                export_comment(m->l->arena, m->job->node), m->job->gpus_per_node);
    }
}

bool export_kubernetes(const struct export_job *job, const struct launch *l, FILE *out,
                       struct err *err)
{
    struct manifests m = {.job = job, .l = l, .out = out, .err = err};
    make_name(job, m.name);
    if (strcmp(job->spec.gpu->vendor, "NVIDIA") != 0) {
        return err_set(
            err, ERR_UNFIT,
            "manifests are known for NVIDIA GPUs only, not for %s: --for %s writes the "
            "command",
            job->spec.gpu->name, engine_names[job->spec.engine]);
    }
    if (l->n_nodes > 1 && job->spec.engine == ENGINE_TRTLLM) {
        return err_set(
            err, ERR_UNFIT,
            "TensorRT-LLM across nodes needs an MPI launcher: --for trtllm writes the "
            "command");
    }
    write_needs(&m);
    return (!l->config || write_config_map(&m)) &&
           write_document(&m, l->n_nodes > 1 ? worker_set(&m) : deployment(&m)) &&
           write_document(&m, service(&m)) && write_autoscaler(&m);
}
