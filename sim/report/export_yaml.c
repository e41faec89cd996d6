/* SPDX-License-Identifier: GPL-3.0-or-later */
/* export_yaml.c - a JSON tree as YAML through libyaml's emitter. */
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "sim/report/export_parts.h"

enum { WIDTH = -1, INDENT = 2 };

/* Letters, digits and harmless signs, starting with a letter or a slash, and no word that a
 * YAML 1.1 reader takes for a boolean, a null or a number. Everything else is quoted. */
static bool is_plain(const char *text)
{
    static const char *const words[] = {"y",   "n",    "yes",   "no",  "on",
                                        "off", "true", "false", "null"};
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    size_t n = strlen(text);
    if (n == 0 || (!strchr(letters, text[0]) && text[0] != '/')) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        bool ok = strchr(letters, text[i]) || strchr("0123456789-_./", text[i]);
        if (!ok) {
            return false;
        }
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcasecmp(text, words[i]) == 0) {
            return false;
        }
    }
    return true;
}

static bool emit(yaml_emitter_t *emitter, yaml_event_t *event, int made)
{
    return made && yaml_emitter_emit(emitter, event);
}

static bool emit_scalar(yaml_emitter_t *emitter, const char *text, yaml_scalar_style_t style)
{
    yaml_event_t event;
    int made = yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text,
                                            (int)strlen(text), 1, 1, style);
    return emit(emitter, &event, made);
}

static bool emit_text(yaml_emitter_t *emitter, const char *text)
{
    size_t n = strlen(text);
    bool block = n > 1 && strchr(text, '\n') && text[n - 1] == '\n';
    return emit_scalar(emitter, text,
                       block            ? YAML_LITERAL_SCALAR_STYLE
                       : is_plain(text) ? YAML_PLAIN_SCALAR_STYLE
                                        : YAML_DOUBLE_QUOTED_SCALAR_STYLE);
}

static bool emit_number(yaml_emitter_t *emitter, const json_t *value)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
    bool ok = text && emit_scalar(emitter, text, YAML_PLAIN_SCALAR_STYLE);
    free(text);
    return ok;
}

static bool emit_value(yaml_emitter_t *emitter, const json_t *value);

static bool emit_map(yaml_emitter_t *emitter, const json_t *map)
{
    yaml_event_t event;
    yaml_mapping_style_t style =
        json_object_size(map) > 0 ? YAML_BLOCK_MAPPING_STYLE : YAML_FLOW_MAPPING_STYLE;
    bool ok = emit(emitter, &event,
                   yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, style));
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)map, key, value)
    {
        ok = ok && emit_text(emitter, key) && emit_value(emitter, value);
    }
    return ok && emit(emitter, &event, yaml_mapping_end_event_initialize(&event));
}

static bool emit_list(yaml_emitter_t *emitter, const json_t *list)
{
    yaml_event_t event;
    bool ok = emit(
        emitter, &event,
        yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE));
    for (size_t i = 0; ok && i < json_array_size(list); i++) {
        ok = emit_value(emitter, json_array_get(list, i));
    }
    return ok && emit(emitter, &event, yaml_sequence_end_event_initialize(&event));
}

static bool emit_value(yaml_emitter_t *emitter, const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return emit_map(emitter, value);
    case JSON_ARRAY:
        return emit_list(emitter, value);
    case JSON_STRING:
        return emit_text(emitter, json_string_value(value));
    default:
        return emit_number(emitter, value); /* numbers, true, false, null read the same */
    }
}

static bool emit_document(yaml_emitter_t *emitter, const json_t *document, bool marker)
{
    yaml_event_t event;
    return emit(emitter, &event,
                yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING)) &&
           emit(emitter, &event,
                yaml_document_start_event_initialize(&event, NULL, NULL, NULL, !marker)) &&
           emit_value(emitter, document) &&
           emit(emitter, &event, yaml_document_end_event_initialize(&event, 1)) &&
           emit(emitter, &event, yaml_stream_end_event_initialize(&event));
}

bool export_yaml(const json_t *document, bool marker, FILE *out, struct err *err)
{
    yaml_emitter_t emitter;
    if (!document || !yaml_emitter_initialize(&emitter)) {
        return err_set(err, ERR_INTERNAL, "a YAML document cannot be built");
    }
    yaml_emitter_set_output_file(&emitter, out);
    yaml_emitter_set_unicode(&emitter, 1);
    yaml_emitter_set_width(&emitter, WIDTH);
    yaml_emitter_set_indent(&emitter, INDENT);
    bool ok = emit_document(&emitter, document, marker);
    if (!ok) {
        err_set(err, ERR_INTERNAL, "YAML: %s",
                emitter.problem ? emitter.problem : "the document cannot be written");
    }
    yaml_emitter_delete(&emitter);
    return ok;
}
