#pragma once

/*
 * Who an entry of model_list talks to, from the prefix of its model name, as LiteLLM reads it:
 * "azure/gpt-4o" is the deployment gpt-4o of azure. A name without a provider's prefix belongs to
 * OpenAI or to whatever stands at its api_base.
 */

#include "base/str.h"

enum provider_kind {
    PROVIDER_KIND_OPENAI,
    PROVIDER_KIND_AZURE,
    PROVIDER_KIND_COMPATIBLE, /* needs an api_base */
    PROVIDER_KIND_PLAIN,      /* no provider named: compatible with an api_base, else OpenAI */
    PROVIDER_KIND_UNSUPPORTED,
};

struct provider_match {
    enum provider_kind kind;
    str name;  /* "azure", "" where none is named */
    str model; /* without the prefix */
    str cloud; /* whose region names it uses: "azure", "aws", "gcp", "" */
};

/* `named` is custom_llm_provider, "" if absent: then the model has no prefix, or the same one. */
struct provider_match provider_match(str model, str named);

/* Whether a name without prefix is one of OpenAI's own models. */
bool provider_is_openai_model(str model);
