#include "config/yaml_json.h"

#include "base/mem.h"
#include "config/yaml_places.h"
#include "config/yaml_scalar.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <yaml.h>

/* What an anchor names, and how many values it stands for. */
struct anchor {
    json_t *value;
    size_t n_values;
};

struct reader {
    yaml_parser_t parser;
    yaml_event_t event;
    bool has_event;
    struct yaml_document *document;
    struct yaml_error *error;
    struct map anchors; /* name → struct anchor */
    size_t n_values;    /* made so far */
    size_t n_aliased;
    unsigned depth;
};

/* One value being read: the value, where it began, how many values it holds. */
struct node {
    json_t *value;
    struct yaml_place place;
    size_t n_values;
};

static int read_node(struct reader *r, struct node *ret_node);

static struct yaml_place place_of(yaml_mark_t mark)
{
    return (struct yaml_place){(unsigned)mark.line + 1, (unsigned)mark.column + 1};
}

static int fail(struct reader *r, struct yaml_place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int fail(struct reader *r, struct yaml_place place, const char *format, ...)
{
    va_list arguments;

    r->error->place = place;
    va_start(arguments, format);
    (void)vsnprintf(r->error->message, sizeof(r->error->message), format, arguments);
    va_end(arguments);
    return -EINVAL;
}

static int next_event(struct reader *r)
{
    if (r->has_event)
        yaml_event_delete(&r->event);
    r->has_event = false;
    if (!yaml_parser_parse(&r->parser, &r->event)) {
        yaml_mark_t mark = r->parser.problem_mark;
        const char *problem = r->parser.problem ? r->parser.problem : "it cannot be read";

        if (r->parser.context)
            return fail(r, place_of(mark), "not YAML: %s %s", r->parser.context, problem);
        return fail(r, place_of(mark), "not YAML: %s", problem);
    }
    r->has_event = true;
    return 0;
}

/* --- scalars */

static int read_scalar(struct reader *r, struct node *ret_node)
{
    str text = str_make((const char *)r->event.data.scalar.value, r->event.data.scalar.length);
    const char *tag = (const char *)r->event.data.scalar.tag;
    bool plain = r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    json_t *value;

    if (memchr(text.p, 0, text.n))
        return fail(r, ret_node->place, "a text must not contain NUL");
    if (tag)
        value = yaml_resolve_tagged(str_of(tag), text);
    else
        value = plain ? yaml_resolve_plain(text) : json_stringn(text.p, text.n);
    if (!value)
        return fail(r, ret_node->place, "the tag %.60s does not fit here", tag ? tag : "");
    ret_node->value = value;
    return 0;
}

/* --- anchors and aliases */

static void put_anchor(struct reader *r, str name, const struct node *node)
{
    struct anchor *anchor = arena_alloc(&r->document->arena, sizeof(*anchor));

    /* The document's root may not hold a value whose anchor was given anew: the anchor's own
     * reference does. */
    *anchor = (struct anchor){json_incref(node->value), node->n_values};
    anchor = map_put(&r->anchors, name, anchor);
    if (anchor)
        json_decref(anchor->value);
}

static int read_alias(struct reader *r, struct node *ret_node)
{
    const char *name = (const char *)r->event.data.alias.anchor;
    const struct anchor *anchor = map_get(&r->anchors, str_of(name));

    if (!anchor)
        return fail(r, ret_node->place, "the alias *%.60s names no anchor before it", name);
    r->n_aliased += anchor->n_values;
    if (r->n_aliased > YAML_MAX_ALIASED_VALUES)
        return fail(r, ret_node->place, "aliases repeat more than %d values",
                    YAML_MAX_ALIASED_VALUES);
    ret_node->value = json_incref(anchor->value);
    ret_node->n_values = anchor->n_values;
    return 0;
}

/* --- collections */

static int append_item(struct reader *r, struct node *array)
{
    struct node item = {0};
    char text[YAML_INDEX_BYTES];
    int e = read_node(r, &item);

    if (e)
        return e;
    yaml_put_place(r->document, array->value,
                   yaml_index_key(text, sizeof(text), json_array_size(array->value)), item.place);
    array->n_values += item.n_values;
    json_array_append_new(array->value, item.value);
    return 0;
}

static int read_sequence(struct reader *r, struct node *ret_node)
{
    ret_node->value = json_array();
    for (;;) {
        int e = next_event(r);

        if (!e && r->event.type == YAML_SEQUENCE_END_EVENT)
            return 0;
        if (!e)
            e = append_item(r, ret_node);
        if (e)
            return e;
    }
}

/* Members that a merge key brings: those that the object does not have itself. */
static int merge_one(struct reader *r, json_t *merged, struct yaml_place place, const json_t *from)
{
    const char *key;
    json_t *value;

    if (!json_is_object(from))
        return fail(r, place, "a merge key takes a mapping or a list of mappings");
    json_object_foreach((json_t *)from, key, value)
    {
        if (json_object_get(merged, key))
            continue;
        json_object_set_nocheck(merged, key, value);
        yaml_put_place(r->document, merged, str_of(key),
                       yaml_member_place(r->document, from, str_of(key)));
    }
    return 0;
}

static int merge(struct reader *r, struct node *object, const struct node *from)
{
    size_t index;
    json_t *item;
    int e;

    r->n_aliased += from->n_values;
    if (r->n_aliased > YAML_MAX_ALIASED_VALUES)
        return fail(r, from->place, "merge keys repeat more than %d values",
                    YAML_MAX_ALIASED_VALUES);
    object->n_values += from->n_values;
    if (!json_is_array(from->value))
        return merge_one(r, object->value, from->place, from->value);
    json_array_foreach(from->value, index, item)
    {
        e = merge_one(r, object->value, from->place, item);
        if (e)
            return e;
    }
    return 0;
}

static int put_member(struct reader *r, struct node *object, str key, struct yaml_place place,
                      json_t *value)
{
    struct yaml_place first = yaml_member_place(r->document, object->value, key);

    if (json_object_getn(object->value, key.p, key.n)) {
        json_decref(value);
        return fail(r, place, "the key \"%.*s\" is here for the second time, first on line %u",
                    (int)(key.n < 80 ? key.n : 80), key.p, first.line);
    }
    json_object_setn_new_nocheck(object->value, key.p, key.n, value);
    yaml_put_place(r->document, object->value, key, place);
    return 0;
}

/* The event is the key's; the caller frees the text. */
static int read_key(struct reader *r, struct yaml_place place, char **ret_key)
{
    str text = str_make((const char *)r->event.data.scalar.value, r->event.data.scalar.length);

    if (r->event.type != YAML_SCALAR_EVENT)
        return fail(r, place, "a key must be a text");
    if (memchr(text.p, 0, text.n))
        return fail(r, place, "a key must not contain NUL");
    if (r->event.data.scalar.anchor)
        return fail(r, place, "a key cannot have an anchor");
    *ret_key = str_dup(text);
    return 0;
}

static int append_member(struct reader *r, struct node *object, struct node *merges)
{
    struct yaml_place place = place_of(r->event.start_mark);
    struct node value = {0};
    CLEANUP_FREE char *key = NULL;
    int e = read_key(r, place, &key);

    if (!e)
        e = next_event(r);
    if (!e)
        e = read_node(r, &value);
    if (e)
        return e;
    if (!strcmp(key, "<<")) {
        json_array_append_new(merges->value, value.value);
        merges->place = value.place;
        e = merges->n_values ? fail(r, place, "the key \"<<\" is here for the second time") : 0;
        merges->n_values = value.n_values;
        return e;
    }
    object->n_values += value.n_values;
    return put_member(r, object, str_of(key), place, value.value);
}

static int read_members(struct reader *r, struct node *object, struct node *merges)
{
    for (;;) {
        int e = next_event(r);

        if (!e && r->event.type == YAML_MAPPING_END_EVENT)
            break;
        if (!e)
            e = append_member(r, object, merges);
        if (e)
            return e;
    }
    /* Last, since what the mapping says itself wins over what it merges. */
    if (json_array_size(merges->value)) {
        struct node from = *merges;

        from.value = json_array_get(merges->value, 0);
        return merge(r, object, &from);
    }
    return 0;
}

static int read_mapping(struct reader *r, struct node *ret_node)
{
    struct node merges = {.value = json_array()};
    int e;

    ret_node->value = json_object();
    e = read_members(r, ret_node, &merges);
    json_decref(merges.value);
    return e;
}

/* Mappings and sequences may only bear the tags that they have anyway. */
static bool collection_tag_fits(const char *tag)
{
    return !tag || !strcmp(tag, "tag:yaml.org,2002:map") || !strcmp(tag, "tag:yaml.org,2002:seq");
}

static int read_collection(struct reader *r, struct node *ret_node)
{
    bool mapping = r->event.type == YAML_MAPPING_START_EVENT;
    const char *tag = (const char *)(mapping ? r->event.data.mapping_start.tag
                                             : r->event.data.sequence_start.tag);
    int e;

    if (!collection_tag_fits(tag))
        return fail(r, ret_node->place, "the tag %.60s is not known", tag);
    if (++r->depth > YAML_MAX_DEPTH)
        return fail(r, ret_node->place, "nested more than %d levels deep", YAML_MAX_DEPTH);
    e = mapping ? read_mapping(r, ret_node) : read_sequence(r, ret_node);
    r->depth--;
    return e;
}

static const char *event_anchor(const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return (const char *)event->data.scalar.anchor;
    case YAML_SEQUENCE_START_EVENT:
        return (const char *)event->data.sequence_start.anchor;
    case YAML_MAPPING_START_EVENT:
        return (const char *)event->data.mapping_start.anchor;
    default:
        return NULL;
    }
}

/* Reads the value that the current event begins. On failure nothing is left in *ret_node. */
static int read_node(struct reader *r, struct node *ret_node)
{
    const char *name = event_anchor(&r->event);
    str anchor = name ? arena_copy(&r->document->arena, str_of(name)) : STR_NULL;
    int e;

    *ret_node = (struct node){.place = place_of(r->event.start_mark), .n_values = 1};
    if (r->event.type == YAML_ALIAS_EVENT)
        e = read_alias(r, ret_node);
    else if (r->event.type == YAML_SCALAR_EVENT)
        e = read_scalar(r, ret_node);
    else
        e = read_collection(r, ret_node);
    if (e) {
        json_decref(ret_node->value);
        ret_node->value = NULL;
        return e;
    }
    if (anchor.p)
        put_anchor(r, anchor, ret_node);
    return 0;
}

/* --- documents */

static int read_document(struct reader *r)
{
    struct node root = {0};
    int e = next_event(r); /* stream start */

    if (!e)
        e = next_event(r);
    if (e)
        return e;
    if (r->event.type == YAML_STREAM_END_EVENT) {
        r->document->root = json_null();
        return 0;
    }
    e = next_event(r); /* after document start: there always is a value */
    if (!e)
        e = read_node(r, &root);
    if (e)
        return e;
    r->document->root = root.value;
    e = next_event(r); /* document end */
    if (!e)
        e = next_event(r);
    if (!e && r->event.type != YAML_STREAM_END_EVENT)
        e = fail(r, place_of(r->event.start_mark), "a second document begins here; one is allowed");
    return e;
}

static void reader_deinit(struct reader *r)
{
    struct map_entry entry;
    size_t cursor = 0;

    while (map_next(&r->anchors, &cursor, &entry))
        json_decref(((struct anchor *)entry.value)->value);
    map_deinit(&r->anchors);
    if (r->has_event)
        yaml_event_delete(&r->event);
    yaml_parser_delete(&r->parser);
}

int yaml_parse(str text, struct yaml_document *ret_document, struct yaml_error *ret_error)
{
    struct yaml_document document = {0};
    struct reader r = {.document = &document, .error = ret_error};
    int e;

    *ret_error = (struct yaml_error){0};
    if (!yaml_parser_initialize(&r.parser))
        return fail(&r, (struct yaml_place){0}, "out of memory");
    arena_init(&document.arena, NULL, 0);
    map_init(&document.places);
    map_init(&r.anchors);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)(text.p ? text.p : ""), text.n);
    e = read_document(&r);
    reader_deinit(&r);
    if (e)
        yaml_document_deinit(&document);
    else
        *ret_document = document;
    return e;
}

void yaml_document_deinit(struct yaml_document *document)
{
    json_decref(document->root);
    map_deinit(&document->places);
    arena_deinit(&document->arena);
    *document = (struct yaml_document){0};
}
