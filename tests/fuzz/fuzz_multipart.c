/* A form in two pieces has the fields that it has whole, and they lie inside it. The first byte
 * says where it is cut. */

#include "base/mem.h"
#include "http/multipart.h"

#include <assert.h>

static enum multipart_result read_form(str body, size_t cut, struct multipart_field *ret_model,
                                       struct multipart_field *ret_user)
{
    struct multipart *m;
    bool made = multipart_new(STR("multipart/form-data; boundary=b"), &m);

    assert(made);
    enum multipart_result result = multipart_feed(m, str_upto(body, cut), MULTIPART_MORE);
    if (result == MULTIPART_FINE)
        result = multipart_feed(m, body, MULTIPART_LAST);
    *ret_model = multipart_model(m);
    *ret_user = multipart_user(m);
    multipart_free(m);
    return result;
}

static void check(const struct multipart_field *field, str body)
{
    if (field->found)
        assert(field->at <= body.n && field->n <= body.n - field->at &&
               field->n <= MULTIPART_VALUE_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct multipart_field model, user, model_2, user_2;
    struct multipart *m;

    if (size == 0)
        return 0;
    str body = str_make((const char *)data + 1, size - 1);
    enum multipart_result whole = read_form(body, 0, &model, &user);
    enum multipart_result in_two =
        read_form(body, body.n ? data[0] % (body.n + 1) : 0, &model_2, &user_2);

    assert(whole == in_two);
    check(&model, body);
    check(&user, body);
    if (whole == MULTIPART_FINE)
        assert(model.found == model_2.found && model.at == model_2.at && user.at == user_2.at &&
               user.n == user_2.n);
    if (multipart_new(body, &m)) /* as a content type */
        multipart_free(m);
    return 0;
}
