#pragma once

/* The settings table in words, for `ambit check --settings` and for docs/configuration.md. */

#include "config/schema.h"

enum settings_form { SETTINGS_TEXT, SETTINGS_MARKDOWN };

void settings_print(enum settings_form form, struct buf *to);
