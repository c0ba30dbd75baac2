#pragma once

/*
 * Finds fields of a multipart/form-data body (RFC 7578, RFC 2046 section 5.1) in a contiguous
 * buffer that grows as it arrives. Only what routing needs is read, as offsets into the body: the
 * values of the fields `model` and `user`, and every field's name. Files pass by. A part whose name
 * two readers could understand in two ways makes the form invalid.
 */

#include "base/str.h"

enum multipart_input { MULTIPART_MORE, MULTIPART_LAST };
enum multipart_result { MULTIPART_FINE, MULTIPART_INVALID };

enum { MULTIPART_VALUE_MAX = 1024, MULTIPART_HEAD_MAX = 8192, MULTIPART_PARTS_MAX = 256 };

struct multipart_field {
    size_t at, n;
    bool found;
};

struct multipart;

/* `content_type` is the header's value. False unless it is multipart/form-data with a usable
 * boundary. */
bool multipart_new(str content_type, struct multipart **ret_form);
void multipart_free(struct multipart *m);

/* `so_far` is the body from its beginning. */
enum multipart_result multipart_feed(struct multipart *m, str so_far, enum multipart_input input);
str multipart_error_text(const struct multipart *m);

struct multipart_field multipart_model(const struct multipart *m);
struct multipart_field multipart_user(const struct multipart *m);

/* The fields' names in order, those of files included. */
size_t multipart_count(const struct multipart *m);
struct multipart_field multipart_name(const struct multipart *m, size_t i);
