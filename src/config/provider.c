#include "config/provider.h"

#include "base/mem.h"

struct provider {
    str name;
    enum provider_kind kind;
    str cloud;
};

#define OF(name, kind, cloud)                                                                      \
    {                                                                                              \
        STR_INIT(name), PROVIDER_KIND_##kind, STR_INIT(cloud)                                      \
    }
#define NOT(name) OF(name, UNSUPPORTED, "")

/* Names that LiteLLM takes for providers. What is not here is part of a model's name, as in
 * "meta-llama/Llama-3.1-8B". */
static const struct provider providers[] = {
    OF("openai", OPENAI, ""),
    OF("text-completion-openai", OPENAI, ""),
    OF("azure", AZURE, "azure"),
    OF("hosted_vllm", COMPATIBLE, ""),
    OF("custom_openai", COMPATIBLE, ""),
    OF("openai_like", COMPATIBLE, ""),
    OF("litellm_proxy", COMPATIBLE, ""),
    OF("azure_ai", UNSUPPORTED, "azure"),
    OF("azure_text", UNSUPPORTED, "azure"),
    OF("bedrock", UNSUPPORTED, "aws"),
    OF("bedrock_converse", UNSUPPORTED, "aws"),
    OF("sagemaker", UNSUPPORTED, "aws"),
    OF("sagemaker_chat", UNSUPPORTED, "aws"),
    OF("vertex_ai", UNSUPPORTED, "gcp"),
    OF("vertex_ai_beta", UNSUPPORTED, "gcp"),
    NOT("ai21"),
    NOT("ai21_chat"),
    NOT("aleph_alpha"),
    NOT("anthropic"),
    NOT("anthropic_text"),
    NOT("anyscale"),
    NOT("assemblyai"),
    NOT("baseten"),
    NOT("cerebras"),
    NOT("clarifai"),
    NOT("cloudflare"),
    NOT("codestral"),
    NOT("cohere"),
    NOT("cohere_chat"),
    NOT("dashscope"),
    NOT("databricks"),
    NOT("datarobot"),
    NOT("deepgram"),
    NOT("deepinfra"),
    NOT("deepseek"),
    NOT("elevenlabs"),
    NOT("empower"),
    NOT("featherless_ai"),
    NOT("fireworks_ai"),
    NOT("friendliai"),
    NOT("galadriel"),
    NOT("gemini"),
    NOT("github"),
    NOT("github_copilot"),
    NOT("gradient_ai"),
    NOT("groq"),
    NOT("huggingface"),
    NOT("hyperbolic"),
    NOT("infinity"),
    NOT("jina_ai"),
    NOT("lambda_ai"),
    NOT("llamafile"),
    NOT("lm_studio"),
    NOT("maritalk"),
    NOT("meta_llama"),
    NOT("mistral"),
    NOT("moonshot"),
    NOT("morph"),
    NOT("nebius"),
    NOT("nlp_cloud"),
    NOT("novita"),
    NOT("nscale"),
    NOT("nvidia_nim"),
    NOT("oci"),
    NOT("ollama"),
    NOT("ollama_chat"),
    NOT("oobabooga"),
    NOT("openrouter"),
    NOT("perplexity"),
    NOT("petals"),
    NOT("predibase"),
    NOT("recraft"),
    NOT("replicate"),
    NOT("sambanova"),
    NOT("snowflake"),
    NOT("text-completion-codestral"),
    NOT("together_ai"),
    NOT("topaz"),
    NOT("triton"),
    NOT("v0"),
    NOT("vercel_ai_gateway"),
    NOT("vllm"),
    NOT("volcengine"),
    NOT("voyage"),
    NOT("watsonx"),
    NOT("watsonx_text"),
    NOT("xai"),
    NOT("xinference"),
};

static const struct provider *find_provider(str name)
{
    for (size_t i = 0; i < COUNT_OF(providers); i++) {
        if (str_eq(providers[i].name, name))
            return &providers[i];
    }
    return NULL;
}

struct provider_match provider_match(str model, str named)
{
    size_t slash = str_find(model, '/', 0);
    str prefix = slash < model.n ? str_upto(model, slash) : STR("");
    const struct provider *provider = find_provider(named.n ? named : prefix);

    if (named.n && !provider)
        return (struct provider_match){PROVIDER_KIND_UNSUPPORTED, named, model, STR("")};
    if (!provider)
        return (struct provider_match){PROVIDER_KIND_PLAIN, STR(""), model, STR("")};
    if (str_eq(prefix, provider->name))
        model = str_from(model, slash + 1);
    return (struct provider_match){provider->kind, provider->name, model, provider->cloud};
}

bool provider_is_openai_model(str model)
{
    static const str starts[] = {
        STR_INIT("gpt-"),
        STR_INIT("o1"),
        STR_INIT("o3"),
        STR_INIT("o4"),
        STR_INIT("chatgpt-"),
        STR_INIT("ft:gpt-"),
        STR_INIT("text-embedding-"),
        STR_INIT("whisper-"),
        STR_INIT("tts-"),
        STR_INIT("dall-e-"),
        STR_INIT("davinci-"),
        STR_INIT("babbage-"),
        STR_INIT("omni-moderation-"),
        STR_INIT("codex-"),
        STR_INIT("*"),
    };

    for (size_t i = 0; i < COUNT_OF(starts); i++) {
        if (str_starts(model, starts[i]))
            return true;
    }
    return false;
}
