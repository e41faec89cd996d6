/* SPDX-License-Identifier: GPL-3.0-or-later */
/* export_router.c - what stands before the prefill and the decode replicas of a disaggregated
 * deployment, as each engine brings it: vLLM's proxy script, SGLang's router, TensorRT-LLM's
 * disaggregated server, which reads a file. All are given the address of every replica, spares
 * included. */
#include "sim/report/export_parts.h"

static int replicas_of(const struct launch *side)
{
    return (int)(side->job->replicas + side->job->spares);
}

static bool put_option(struct launch *r, const char *knob)
{
    const char *flag = launch_flag(r, knob);
    if (flag) {
        launch_put(r, WORD_LITERAL, flag, true);
    }
    return flag != NULL;
}

/* Options of the router's own address. */
static bool put_address(struct launch *r)
{
    bool ok = put_option(r, "host");
    launch_put(r, WORD_LITERAL, "0.0.0.0", false);
    ok = ok && put_option(r, "port");
    launch_put(r, WORD_PORT, "", false);
    return ok;
}

/* The replicas of both sides, and who knows their addresses. */
struct sides {
    const struct launch *prefill, *decode;
    peer_fn peer;
    enum word_kind kind; /* of words with addresses */
};

/* An option and the hosts or the ports of all replicas of a side. */
static bool put_list(struct launch *r, const struct sides *s, const struct launch *side,
                     const char *knob, bool ports)
{
    bool ok = put_option(r, knob);
    for (int i = 0; i < replicas_of(side); i++) {
        struct peer p = s->peer(r->arena, side, i);
        launch_put(r, s->kind, ports ? p.port : p.host, false);
    }
    return ok;
}

static bool vllm_router(struct launch *r, const struct sides *s)
{
    launch_put(r, WORD_LITERAL, "python3", false);
    launch_put(r, WORD_CONFIG, launch_flag(r, "pd_router"), false);
    return put_address(r) && put_list(r, s, s->prefill, "pd_prefill", false) &&
           put_list(r, s, s->prefill, "pd_prefill_ports", true) &&
           put_list(r, s, s->decode, "pd_decode", false) &&
           put_list(r, s, s->decode, "pd_decode_ports", true);
}

/* An option for each replica of a side. */
static bool put_each(struct launch *r, const struct sides *s, const struct launch *side,
                     const char *knob)
{
    bool ok = true;
    for (int i = 0; i < replicas_of(side) && ok; i++) {
        struct peer p = s->peer(r->arena, side, i);
        ok = put_option(r, knob);
        launch_put(r, s->kind, arena_printf(r->arena, "http://%s", p.both), false);
    }
    return ok;
}

static bool sglang_router(struct launch *r, const struct sides *s)
{
    const char *module = launch_flag(r, "pd_router");
    if (!module) {
        return false;
    }
    launch_put(r, WORD_LITERAL, "python3", false);
    launch_put(r, WORD_LITERAL, "-m", false);
    launch_put(r, WORD_LITERAL, module, false);
    return put_option(r, "pd_on") && put_each(r, s, s->prefill, "pd_prefill") &&
           put_each(r, s, s->decode, "pd_decode") && put_address(r);
}

static bool set_servers(struct launch *r, const struct sides *s, const struct launch *side,
                        const char *knob)
{
    const char *key = launch_flag(r, knob);
    json_t *urls = json_array();
    for (int i = 0; i < replicas_of(side); i++) {
        struct peer p = s->peer(r->arena, side, i);
        json_array_append_new(urls, json_string(p.both));
    }
    json_t *servers = json_pack("{s:i, s:o}", "num_instances", replicas_of(side), "urls", urls);
    if (!key) {
        json_decref(servers);
        return false;
    }
    return json_object_set_new(r->config, key, servers) == 0;
}

static bool trtllm_router(struct launch *r, const struct sides *s)
{
    const char *command = launch_flag(r, "pd_router");
    if (!command) {
        return false;
    }
    launch_put(r, WORD_LITERAL, "trtllm-serve", false);
    launch_put(r, WORD_LITERAL, command, false);
    r->config = json_pack("{s:s, s:i, s:s}", "hostname", "0.0.0.0", "port", r->port, "backend",
                          "pytorch");
    bool ok = put_option(r, "pd_file") && set_servers(r, s, s->prefill, "pd_prefill") &&
              set_servers(r, s, s->decode, "pd_decode");
    launch_put(r, WORD_CONFIG, "", false);
    return ok;
}

bool router_build(const struct launch *prefill, const struct launch *decode, peer_fn peer,
                  enum word_kind kind, struct launch *r)
{
    static bool (*const build[])(struct launch *, const struct sides *) = {
        [ENGINE_VLLM] = vllm_router,
        [ENGINE_SGLANG] = sglang_router,
        [ENGINE_TRTLLM] = trtllm_router,
    };
    struct sides sides = {prefill, decode, peer, kind};
    *r = (struct launch){.arena = decode->arena,
                         .job = decode->job,
                         .flags = decode->flags,
                         .version = decode->version,
                         .image = decode->image,
                         .n_nodes = 1,
                         .port = decode->port,
                         .file = decode->job->spec.engine == ENGINE_VLLM ? "toy_proxy_server.py"
                                                                         : "router.yaml",
                         .err = decode->err};
    return build[decode->job->spec.engine](r, &sides);
}
