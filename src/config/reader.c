#include "config/reader.h"

#include "base/map.h"

#include "base/mem.h"
#include "config/file.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static const str env_prefix = STR_INIT("os.environ/");

/* --- nodes */

bool node_member(const struct config_reader *r, const struct config_node *parent, const char *key,
                 struct config_node *ret_node)
{
    const json_t *value = json_object_get(parent->value, key);

    if (!value || json_is_null(value))
        return false;
    *ret_node = (struct config_node){
        .parent = parent,
        .key = key,
        .value = value,
        .place = yaml_member_place(&r->document, parent->value, str_of(key)),
    };
    return true;
}

struct config_node node_item(const struct config_reader *r, const struct config_node *parent,
                             size_t index)
{
    return (struct config_node){
        .parent = parent,
        .index = index,
        .value = json_array_get(parent->value, index),
        .place = yaml_item_place(&r->document, parent->value, index),
    };
}

size_t node_size(const struct config_node *node)
{
    return json_is_array(node->value) ? json_array_size(node->value)
                                      : json_object_size(node->value);
}

const char *node_kind(const json_t *value)
{
    if (json_is_object(value))
        return "a mapping";
    if (json_is_array(value))
        return "a list";
    if (json_is_string(value))
        return "a text";
    if (json_is_boolean(value))
        return "true or false";
    return json_is_number(value) ? "a number" : "nothing";
}

/* --- reports */

static void print_path(const struct config_node *node, struct buf *to)
{
    if (!node->parent)
        return;
    print_path(node->parent, to);
    if (!node->key)
        buf_printf(to, "[%zu]", node->index);
    else
        buf_printf(to, "%s%.100s", to->n ? "." : "", node->key);
}

void node_report(const struct config_reader *r, const struct config_node *node,
                 enum diagnostic_level level, const char *format, ...)
{
    char message[512];
    va_list arguments;
    struct buf path;

    va_start(arguments, format);
    (void)vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    buf_init(&path, 0);
    print_path(node, &path);
    diagnostics_add(r->diagnostics, level, node->place.line, node->place.column, buf_str(&path),
                    "%s", message);
    buf_deinit(&path);
}

str config_suggest(const struct config_reader *r, str near)
{
    return near.p ? arena_printf(r->arena, "; did you mean \"%.*s\"?", STR_ARG(near)) : STR("");
}

/* --- environment */

/* What environment_variables says, where that is a text which does not refer to itself. */
static bool own_variable(const struct config_reader *r, str name, str *ret_value)
{
    const json_t *value = name.n < CONFIG_NAME_MAX
                              ? json_object_getn(r->environment_variables, name.p, name.n)
                              : NULL;

    if (!json_is_string(value))
        return false;
    *ret_value = str_make(json_string_value(value), json_string_length(value));
    return !str_starts(*ret_value, env_prefix);
}

bool reader_env(const struct config_reader *r, str name, str *ret_value)
{
    char text[256];
    const char *value;

    if (own_variable(r, name, ret_value))
        return ret_value->n > 0;
    if (name.n >= sizeof(text))
        return false;
    memcpy(text, name.p, name.n);
    text[name.n] = 0;
    value = r->env(r->env_ctx, text);
    if (!value || !*value)
        return false;
    *ret_value = str_of(value);
    return true;
}

bool node_text(const struct config_reader *r, const struct config_node *node, str *ret_text)
{
    str text;

    if (json_is_integer(node->value)) {
        *ret_text =
            arena_printf(r->arena, "%" JSON_INTEGER_FORMAT, json_integer_value(node->value));
        return true;
    }
    if (!json_is_string(node->value)) {
        node_error(r, node, "expected a text, found %s%s", node_kind(node->value),
                   json_is_real(node->value) || json_is_boolean(node->value)
                       ? "; write it in quotes"
                       : "");
        return false;
    }
    text = str_make(json_string_value(node->value), json_string_length(node->value));
    if (str_starts(text, env_prefix)) {
        text = str_from(text, env_prefix.n);
        if (reader_env(r, text, ret_text))
            return true;
        node_error(r, node, "the environment variable %.*s is not set",
                   STR_ARG(str_upto(text, 80)));
        return false;
    }
    *ret_text = text;
    return true;
}

/* --- files */

bool reader_file(const struct config_reader *r, const struct config_node *node, str name,
                 str *ret_text)
{
    bool absolute = str_starts(name, STR("/"));
    str path = absolute ? arena_copy(r->arena, name)
                        : arena_printf(r->arena, "%.*s/%.*s", STR_ARG(r->folder), STR_ARG(name));
    struct buf content;
    int e;

    buf_init(&content, CONFIG_PEM_MAX);
    e = file_read(path.p, &content);
    if (e == -EFBIG)
        node_error(r, node, "%.*s is larger than %d bytes", STR_ARG(path), CONFIG_PEM_MAX);
    else if (e)
        node_error(r, node, "%.*s cannot be read: %s", STR_ARG(path), strerror(-e));
    else
        *ret_text = arena_copy(r->arena, buf_str(&content));
    buf_deinit(&content);
    return e == 0;
}

void *config_read_list(const struct config_reader *r, const struct config_node *root,
                       const char *list_name, size_t size, config_read_item_fn read, size_t *ret_n)
{
    struct config_node list;
    struct map seen;
    char *items;

    *ret_n = 0;
    if (!node_member(r, root, list_name, &list))
        return NULL;
    if (!json_is_array(list.value)) {
        node_error(r, &list, "expected a list, found %s", node_kind(list.value));
        return NULL;
    }
    items = arena_zalloc(r->arena, node_size(&list) * size + 1);
    map_init(&seen);
    for (size_t i = 0; i < node_size(&list); i++) {
        struct config_node item = node_item(r, &list, i);
        str name = read(r, &item, items + *ret_n * size);

        if (name.n && map_put(&seen, name, items))
            node_error(r, &item, "\"%.*s\" is here for the second time",
                       STR_ARG(str_upto(name, 80)));
        else if (name.n)
            ++*ret_n;
    }
    map_deinit(&seen);
    return items;
}
