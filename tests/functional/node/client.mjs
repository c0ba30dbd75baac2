// OpenAI's Node client, unmodified, against the gateway: prints what it saw as one JSON object.
import OpenAI from 'openai';

const [baseURL, apiKey, model] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const messages = [{ role: 'user', content: 'Say hello.' }];
const seen = {};

const { data, response } = await client.chat.completions
    .create({ model, messages, vetted: { region: 'ovh-gra-1' } })
    .withResponse();
seen.text = data.choices[0].message.content;
seen.trace = data.routing_trace;
seen.region = response.headers.get('x-ambit-region');

const stream = await client.chat.completions.create({ model, messages, stream: true, max_tokens: 6 });
seen.streamed = '';
for await (const chunk of stream) seen.streamed += chunk.choices[0]?.delta?.content ?? '';

seen.embedding = (await client.embeddings.create({ model, input: 'x', encoding_format: 'float' })).data[0].embedding.length;
const first = await client.responses.create({ model, input: 'x', vetted: { region: 'atnorth-sto-1' } });
const second = await client.responses.create({ model, input: 'y', previous_response_id: first.id });
seen.follow_up = second.output_text;

try {
    await client.chat.completions.create({ model, messages, vetted: { region: 'nowhere' } });
} catch (error) {
    seen.refusal = { type: error.constructor.name, status: error.status, code: error.code, param: error.param };
}
console.log(JSON.stringify(seen));
