#pragma once

/*
 * What is left out of a package: rules as in a .gitignore file. One rule a line, `#` begins a
 * comment, `!` takes back, a slash at the end means folders only, a slash elsewhere ties the rule
 * to the package's folder, `*` and `?` do not match a slash, `**` matches any folders, brackets
 * match one character. The last rule that matches decides; what is in a folder that is left out
 * cannot be taken back.
 */

#include "base/arena.h"

enum {
    IGNORE_MAX_RULES = 1000,
    IGNORE_MAX_BYTES = 64 << 10, /* of a file of rules */
};

enum ignore_kind { IGNORE_FILE, IGNORE_FOLDER };

struct ignore_rule {
    str pattern; /* without the signs below */
    bool back;   /* `!` */
    bool folder; /* only folders */
    bool tied;   /* to the package's folder */
};

struct ignore {
    struct arena arena;
    struct ignore_rule *rules;
    size_t n;
};

/* With the rules that always come first: .git, __pycache__ and their like. */
void ignore_init(struct ignore *ignore);
void ignore_deinit(struct ignore *ignore);

/* Adds the rules of a file. False if there are more than IGNORE_MAX_RULES. */
bool ignore_add(struct ignore *ignore, str text);

/* Whether the file or folder at a path ("model/data.bin") is left out, if its folder is not. */
bool ignore_matches(const struct ignore *ignore, str path, enum ignore_kind kind);
