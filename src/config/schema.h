#pragma once

/*
 * The settings as a table. Each row names a setting by its path, says what it takes, its default
 * and bounds, where in a C struct it goes, and in a sentence what it does. Decoding, the listing of
 * `ambit check --settings` and the reference in docs/configuration.md all come from these rows, so
 * they cannot disagree.
 *
 * Paths: `a.b` is a member, `a[]` an element of a list, `a{}` a value under a name of the user's.
 * What a row's object is follows from its path. A member that has no row is reported: as an error
 * if its name speaks of regions (a typing mistake there must not lift a rule), else as a warning.
 */

#include "config/reader.h"

enum setting_type {
    SETTING_TEXT,     /* str */
    SETTING_SECRET,   /* str, shown nowhere */
    SETTING_FLAG,     /* bool */
    SETTING_COUNT,    /* uint32_t or uint64_t, by width */
    SETTING_BYTES,    /* the same */
    SETTING_DURATION, /* int64_t, milliseconds */
    SETTING_MILLI,    /* uint32_t, thousandths of a decimal */
    SETTING_DEGREES,  /* int32_t, degrees times 10,000 */
    SETTING_CHOICE,   /* bool or uint32_t: index into `choices` */
    SETTING_TEXTS,    /* struct config_texts: a text or a list of texts */
    SETTING_PLACE,    /* str: the name of a region, zone or country */
    SETTING_PLACES,   /* struct config_texts */
    /* Those below are read by code of their own; the row is for its documentation. */
    SETTING_RULE,
    SETTING_OBJECT,
    SETTING_LIST,
    SETTING_MAP,
    SETTING_ANY,
};

enum setting_use {
    SETTING_USED,
    SETTING_UNUSED, /* LiteLLM's, without effect here: a warning that quotes the sentence */
};

struct setting {
    const char *path;
    enum setting_type type;
    enum setting_use use;
    uint16_t offset, width; /* of the field; width 0: none */
    int64_t min, max;       /* of numbers, in the unit of the field; both 0: no bounds */
    const char *preset;     /* the default as one would write it; NULL: none */
    const char *choices;    /* "preferred|carbon_aware" */
    const char *about;
};

struct config_texts {
    const str *list;
    size_t n;
};

extern const struct setting settings_table[];
extern const size_t settings_count;

/* The row of a path, or NULL. */
const struct setting *setting_find(const char *path);

/* The row's own name: what follows its object's path. */
str setting_name(const struct setting *s);

/* Whether the row belongs to the object of that path ("" for the top level). */
bool setting_is_in(const struct setting *s, const char *object);

/* Reads the members of `node` that have rows under `object` into the struct at `into`, after
 * setting the defaults; `node` NULL sets the defaults only. Reports whatever is wrong, leaving that
 * field at its default. False if the node is no mapping. */
bool schema_read(const struct config_reader *r, const struct config_node *node, const char *object,
                 void *into);

/* Reports members that have no row, or a row that is unused. schema_read does so itself. */
void schema_report_members(const struct config_reader *r, const struct config_node *node,
                           const char *object);

/* Whether a member's name sounds as if it were about regions. */
bool schema_is_regional(str name);
