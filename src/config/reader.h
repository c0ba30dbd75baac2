#pragma once

/*
 * What every decoder of this folder works with: the reader (document, diagnostics, environment, the
 * arena of the model) and nodes. A node is one value of the file with its place and the way to it;
 * it lives on the stack of whoever looks at the value, and its path is only written out when there
 * is something to report.
 */

#include "config/config.h"
#include "config/yaml_json.h"

struct config_reader {
    struct config *config;
    struct arena *arena; /* of the model */
    struct diagnostics *diagnostics;
    struct yaml_document document;
    const json_t *environment_variables; /* the file's own section, or NULL */
    config_env_fn env;
    void *env_ctx;
    str folder; /* of the file, "." if it names none */
};

struct config_node {
    const struct config_node *parent;
    const char *key; /* of a member; NULL: an element, or the root */
    size_t index;    /* of an element */
    const json_t *value;
    struct yaml_place place;
};

/* False where there is no such member, or it is null. */
bool node_member(const struct config_reader *r, const struct config_node *parent, const char *key,
                 struct config_node *ret_node);

/* The element at `index`, which must exist. */
struct config_node node_item(const struct config_reader *r, const struct config_node *parent,
                             size_t index);

/* Elements of a list, members of an object, else 0. */
size_t node_size(const struct config_node *node);

void node_report(const struct config_reader *r, const struct config_node *node,
                 enum diagnostic_level level, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#define node_error(r, node, ...)   node_report(r, node, DIAGNOSTIC_ERROR, __VA_ARGS__)
#define node_warning(r, node, ...) node_report(r, node, DIAGNOSTIC_WARNING, __VA_ARGS__)
#define node_note(r, node, ...)    node_report(r, node, DIAGNOSTIC_NOTE, __VA_ARGS__)

/* ", did you mean \"x\"?" for a near match, or "" for STR_NULL; arena memory. */
str config_suggest(const struct config_reader *r, str near);

/* "a text", "a number", "a list" and so on: what a value is, for messages. */
const char *node_kind(const json_t *value);

/* The text of a scalar: as written, a whole number in decimal, or what `os.environ/NAME` stands
 * for. False, and reported, for anything else and for a variable that is not set. Borrowed from the
 * document or the environment. */
bool node_text(const struct config_reader *r, const struct config_node *node, str *ret_text);

/* A variable: from the file's own environment_variables first. False: not set, or empty. */
bool reader_env(const struct config_reader *r, str name, str *ret_value);

/* A file that a setting names, whole, in the model's arena; false and reported if it cannot be
 * read. */
bool reader_file(const struct config_reader *r, const struct config_node *node, str name,
                 str *ret_text);

/* Reads one element into its slot and returns its name; "" where it is wrong, which is reported. */
typedef str (*config_read_item_fn)(const struct config_reader *r, const struct config_node *node,
                                   void *ret_item);

/* The elements of a list under the root, in slots of `size` bytes of the model's arena, each name
 * once. NULL: there is no such list. */
void *config_read_list(const struct config_reader *r, const struct config_node *root,
                       const char *list_name, size_t size, config_read_item_fn read, size_t *ret_n);
