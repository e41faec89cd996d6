/* SPDX-License-Identifier: GPL-3.0-or-later */
/* export_kubernetes.c - manifests of a launch: a Deployment (a LeaderWorkerSet where a replica
 * spans nodes), a Service before it, a ConfigMap for an engine that reads a file, and a
 * HorizontalPodAutoscaler where the plan grows.
 *
 * With prefill and decode apart each role is a StatefulSet (or a LeaderWorkerSet) with a
 * headless Service, so that every replica has an address of its own, and the router, which is
 * given all of them, a Deployment with a Service for clients. No autoscaler: replicas that come
 * and go would be unknown to the router.
 *
 * The autoscaler holds the mean number of requests in service per replica at what the plan has
 * at its peak (Little's law), between the replicas of the first month and the most of the
 * horizon. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/report/export_parts.h"

enum part { PART_WHOLE, PART_PREFILL, PART_DECODE, PART_ROUTER };
static const char *const part_suffixes[] = {"", "-prefill", "-decode", "-router"};

enum {
    NAME_MAX_CHARS = 40, /* pods add their own numbers to it; 63 is the limit of a label */
    SUFFIX_MAX_CHARS = 8,
    PROBE_PERIOD_S = 10,
    START_BASE_S = 600, /* compilation, graph capture */
};
/* Weights are fetched at least this fast, else the pod is started anew. */
static const double LOAD_BYTES_PER_S = 2e8;
static const char CONFIG_DIR[] = "/etc/headroom";

struct manifests {
    const struct export_job *job;
    const struct launch *l;
    FILE *out;
    struct err *err;
    enum part part;
    char name[NAME_MAX_CHARS + SUFFIX_MAX_CHARS + 1];
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

/* The name of what runs one part. */
static void set_part(struct manifests *m, const struct launch *l, enum part part)
{
    char name[NAME_MAX_CHARS + 1];
    make_name(l->job, name);
    m->l = l;
    m->job = l->job;
    m->part = part;
    snprintf(m->name, sizeof m->name, "%s%s", name, part_suffixes[part]);
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
        return arena_printf(l->arena, "%s/%s", CONFIG_DIR, l->file);
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

static json_t *environment(const struct manifests *m)
{
    json_t *env = json_pack("[{s:s, s:s}, {s:s, s:{s:{s:s, s:s, s:b}}}]", "name", "HF_HOME",
                            "value", "/models", "name", "HF_TOKEN", "valueFrom", "secretKeyRef",
                            "name", "hf-token", "key", "token", "optional", 1);
    if (m->part != PART_WHOLE && m->job->spec.engine == ENGINE_VLLM) {
        json_array_append_new(env, json_pack("{s:s, s:{s:{s:s}}}", "name",
                                             "VLLM_NIXL_SIDE_CHANNEL_HOST", "valueFrom",
                                             "fieldRef", "fieldPath", "status.podIP"));
    }
    return env;
}

static json_t *gpu_resources(const struct manifests *m)
{
    int n_gpus = m->l->n_nodes > 1 ? m->job->gpus_per_node : m->job->n_gpus;
    return json_pack("{s:{s:i}, s:{s:i}}", "requests", "nvidia.com/gpu", n_gpus, "limits",
                     "nvidia.com/gpu", n_gpus);
}

static json_t *config_mount(void)
{
    return json_pack("{s:s, s:s}", "name", "config", "mountPath", CONFIG_DIR);
}

static json_t *config_volume(const struct manifests *m)
{
    return json_pack("{s:s, s:{s:s}}", "name", "config", "configMap", "name", m->name);
}

static json_t *container(const struct manifests *m, bool worker)
{
    json_t *c = json_pack("{s:s, s:s, s:o, s:o, s:o}", "name", "server", "image", m->l->image,
                          "command", command(m->l, worker), "env", environment(m), "resources",
                          gpu_resources(m));
    if (!worker) {
        add_probes(m, c);
    }
    json_t *mounts = json_pack("[{s:s, s:s}, {s:s, s:s}]", "name", "shm", "mountPath",
                               "/dev/shm", "name", "models", "mountPath", "/models");
    if (m->l->config) {
        json_array_append_new(mounts, config_mount());
    }
    json_object_set_new(c, "volumeMounts", mounts);
    return c;
}

static json_t *pod(const struct manifests *m, bool worker)
{
    json_t *volumes = json_pack("[{s:s, s:{s:s}}, {s:s, s:{}}]", "name", "shm", "emptyDir",
                                "medium", "Memory", "name", "models", "emptyDir");
    if (m->l->config) {
        json_array_append_new(volumes, config_volume(m));
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

/* A LeaderWorkerSet makes a headless Service of its own name, by which its pods find each
 * other, so that for clients has another. */
static json_t *service(const struct manifests *m)
{
    json_t *d = document(m, "v1", "Service");
    if (m->l->n_nodes > 1) {
        const char *name = arena_printf(m->l->arena, "%s-leader", m->name);
        json_object_set_new(json_object_get(d, "metadata"), "name", json_string(name));
    }
    json_object_set_new(d, "spec",
                        json_pack("{s:o, s:[{s:s, s:i, s:s}]}", "selector", selector(m),
                                  "ports", "name", "http", "port", m->l->port, "targetPort",
                                  "http"));
    return d;
}

/* Gives each pod of a StatefulSet a name, also while it loads its weights. */
static json_t *headless_service(const struct manifests *m)
{
    json_t *d = service(m);
    json_t *spec = json_object_get(d, "spec");
    json_object_set_new(spec, "clusterIP", json_string("None"));
    json_object_set_new(spec, "publishNotReadyAddresses", json_true());
    return d;
}

static json_t *stateful_set(const struct manifests *m)
{
    json_t *d = document(m, "apps/v1", "StatefulSet");
    json_object_set_new(d, "spec",
                        json_pack("{s:I, s:s, s:s, s:{s:o}, s:o}", "replicas",
                                  (json_int_t)replicas(m), "serviceName", m->name,
                                  "podManagementPolicy", "Parallel", "selector", "matchLabels",
                                  labels(m), "template", pod(m, false)));
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
    json_object_set_new(d, "data", json_pack("{s:s}", m->l->file, text));
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
}

/* Where the pods of a side, or of the whole, have to stand. */
static void write_place(const struct manifests *m)
{
    if (m->l->n_nodes > 1) {
        fprintf(
            m->out,
            "# A replica spans %d nodes: install LeaderWorkerSet 0.6 or newer. RDMA network "
            "devices are\n# requested as the cluster names them.\n",
            m->l->n_nodes);
    }
    if (m->job->node[0]) {
        fprintf(m->out,
                "# %splanned on %s, %d GPUs a node: add a node selector where the cluster "
                "has other GPUs\n",
                m->job->role == ROLE_PREFILL ? "prefill is " : "",
                export_comment(m->l->arena, m->job->node), m->job->gpus_per_node);
    }
}

/* ---- prefill and decode apart ---------------------------------------------------------------
 */

/* Pods of a StatefulSet and leaders of a LeaderWorkerSet are named alike. */
static struct peer pod_peer(struct arena *arena, const struct launch *side, int replica)
{
    struct manifests m = {.err = NULL};
    set_part(&m, side, side->job->role == ROLE_PREFILL ? PART_PREFILL : PART_DECODE);
    struct peer p = {.host = arena_printf(arena, "%s-%d.%s", m.name, replica, m.name),
                     .port = arena_printf(arena, "%d", side->port)};
    p.both = arena_printf(arena, "%s:%s", p.host, p.port);
    return p;
}

static bool write_side(struct manifests *m, const struct launch *l, enum part part)
{
    set_part(m, l, part);
    bool ok = !l->config || write_config_map(m);
    if (l->n_nodes > 1) {
        return ok && write_document(m, worker_set(m));
    }
    return ok && write_document(m, headless_service(m)) && write_document(m, stateful_set(m));
}

static json_t *router_pod(const struct manifests *m)
{
    const struct launch *l = m->l;
    bool vllm = m->job->spec.engine == ENGINE_VLLM;
    json_t *c = json_pack("{s:s, s:s, s:o, s:[{s:s, s:i}]}", "name", "router", "image",
                          l->image, "command", command(l, false), "ports", "name", "http",
                          "containerPort", l->port);
    json_object_set_new(c, "readinessProbe",
                        json_pack("{s:{s:s, s:s}, s:i}", "httpGet", "path",
                                  vllm ? "/healthcheck" : "/health", "port", "http",
                                  "periodSeconds", PROBE_PERIOD_S));
    json_t *spec = json_pack("{s:b, s:[o]}", "enableServiceLinks", 0, "containers", c);
    if (vllm || l->config) {
        json_object_set_new(c, "volumeMounts", json_pack("[o]", config_mount()));
        json_object_set_new(spec, "volumes", json_pack("[o]", config_volume(m)));
    }
    return json_pack("{s:{s:o}, s:o}", "metadata", "labels", labels(m), "spec", spec);
}

static bool write_router(struct manifests *m, const struct launch *l,
                         const struct launch *prefill)
{
    struct launch router;
    bool ok = router_build(prefill, l, pod_peer, WORD_LITERAL, &router);
    set_part(m, &router, PART_ROUTER);
    if (ok && l->job->spec.engine == ENGINE_VLLM) {
        fprintf(m->out,
                "# kubectl create configmap %s --from-file=%s\n# from "
                "tests/v1/kv_connector/nixl_integration of vLLM's source; the images need "
                "NIXL\n",
                m->name, router.file);
    }
    ok = ok && (!router.config || write_config_map(m));
    if (ok) {
        json_t *d = document(m, "apps/v1", "Deployment");
        json_object_set_new(d, "spec",
                            json_pack("{s:i, s:{s:o}, s:o}", "replicas", 1, "selector",
                                      "matchLabels", labels(m), "template", router_pod(m)));
        ok = write_document(m, d) && write_document(m, service(m));
    }
    launch_fini(&router);
    return ok;
}

static bool write_roles(struct manifests *m, const struct launch *l,
                        const struct launch *prefill)
{
    if (l->job->most_replicas > 0) {
        fprintf(m->out,
                "# The plan grows to %lld units of prefill and decode replicas: the router has "
                "to be told of each.\n",
                (long long)l->job->most_replicas);
    }
    if (strcmp(prefill->job->spec.gpu->name, l->job->spec.gpu->name) != 0) {
        fprintf(m->out, "# prefill pods need %s, decode pods %s: add node selectors\n",
                prefill->job->spec.gpu->label, l->job->spec.gpu->label);
    }
    return write_side(m, prefill, PART_PREFILL) && write_side(m, l, PART_DECODE) &&
           write_router(m, l, prefill);
}

/* ---- the whole ------------------------------------------------------------------------------
 */

static bool can_run(const struct launch *l, struct err *err)
{
    const struct system_spec *s = &l->job->spec;
    if (strcmp(s->gpu->vendor, "NVIDIA") != 0) {
        return err_set(
            err, ERR_UNFIT,
            "manifests are known for NVIDIA GPUs only, not for %s: --for %s writes the "
            "command",
            s->gpu->name, engine_names[s->engine]);
    }
    if (l->n_nodes > 1 && s->engine == ENGINE_TRTLLM) {
        return err_set(
            err, ERR_UNFIT,
            "TensorRT-LLM across nodes needs an MPI launcher: --for trtllm writes the "
            "command");
    }
    return true;
}

bool export_kubernetes(const struct launch *l, const struct launch *prefill, FILE *out,
                       struct err *err)
{
    struct manifests m = {.out = out, .err = err};
    if (!can_run(l, err) || (prefill && !can_run(prefill, err))) {
        return false;
    }
    write_needs(&m);
    if (prefill) {
        set_part(&m, prefill, PART_PREFILL);
        write_place(&m);
    }
    set_part(&m, l, PART_WHOLE);
    write_place(&m);
    if (prefill) {
        return write_roles(&m, l, prefill);
    }
    return (!l->config || write_config_map(&m)) &&
           write_document(&m, l->n_nodes > 1 ? worker_set(&m) : deployment(&m)) &&
           write_document(&m, service(&m)) && write_autoscaler(&m);
}
