import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { rmSync } from 'node:fs';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { ChatOpenAI } from '@langchain/openai';
import { Agent, OpenAIChatCompletionsModel, OpenAIResponsesModel, Runner } from '@openai/agents';
import { createOpenRouter } from '@openrouter/ai-sdk-provider';
import { generateText, type LanguageModel, Output, streamText } from 'ai';
import OpenAI from 'openai';
import { zodResponseFormat, zodTextFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { eventually } from '../harness/eventually.ts';
import { ROOT_KEY, spawnGateway, temporaryDirectory } from '../harness/gateway.ts';
import { sessionLog } from '../harness/journey.ts';
import { MODELS, PROTOCOLS } from './script.ts';
import { responsesClaw, type Stage, startStage } from './stage.ts';

/** Structured output, and answers that break off: the client aborts them, or the gateway is killed. */

setDefaultTimeout(60_000);

let stage: Stage;
let count = 0;
beforeAll(async () => {
  stage = await startStage();
});
afterEach(() => stage.reset());
afterAll(() => stage.end());

const base = (url = stage.observer.url) => ({ baseURL: `${url}/v1`, apiKey: ROOT_KEY });
const sdk = (headers: Record<string, string> = {}) => new OpenAI({ ...base(), defaultHeaders: headers });

const city = z.object({ name: z.string(), inhabitants: z.number() });
const prompt = 'Name a city.';

const fromAiSdk = (open: (model: string) => LanguageModel) => async (model: string) =>
  (await generateText({ model: open(model), output: Output.object({ schema: city }), prompt })).output;
const fromLangChain = (useResponsesApi: boolean) => async (model: string) => {
  const { baseURL, apiKey } = base();
  const chat = new ChatOpenAI({ model, apiKey, useResponsesApi, configuration: { baseURL } });
  return chat.withStructuredOutput(city, { method: 'jsonSchema' }).invoke(prompt);
};
const fromAgents =
  (kind: typeof OpenAIChatCompletionsModel | typeof OpenAIResponsesModel) => async (model: string) => {
    const agent = new Agent({ name: 'A', model: new kind(sdk() as never, model), outputType: city });
    return (await new Runner({ tracingDisabled: true }).run(agent, prompt)).finalOutput;
  };

const STRUCTURED: Record<string, (model: string) => Promise<unknown>> = {
  'openai, chat': async (model) => {
    const messages = [{ role: 'user' as const, content: prompt }];
    const response_format = zodResponseFormat(city, 'city');
    return (await sdk().chat.completions.parse({ model, messages, response_format })).choices[0]?.message
      .parsed;
  },
  'openai, responses': async (model) =>
    (await sdk().responses.parse({ model, input: prompt, text: { format: zodTextFormat(city, 'city') } }))
      .output_parsed,
  'AI SDK, openai-compatible': fromAiSdk((model) =>
    createOpenAICompatible({ name: 'c', ...base(), supportsStructuredOutputs: true })(model),
  ),
  'AI SDK, openai responses': fromAiSdk((model) => createOpenAI(base()).responses(model)),
  'AI SDK, openai chat': fromAiSdk((model) => createOpenAI(base()).chat(model)),
  'AI SDK, OpenRouter provider': fromAiSdk((model) => createOpenRouter(base()).chat(model)),
  'LangChain, chat': fromLangChain(false),
  'LangChain, responses': fromLangChain(true),
  'Agents SDK, chat': fromAgents(OpenAIChatCompletionsModel),
  'Agents SDK, responses': fromAgents(OpenAIResponsesModel),
};

describe.each(Object.entries(STRUCTURED))('structured output of %s', (_, ask) => {
  test.each(PROTOCOLS)('on %s', async (protocol) => {
    expect(city.safeParse(await ask(`${MODELS[protocol]}+json`))).toMatchObject({ success: true });
  });
});

type Aborted = (model: string, session: string, signal: AbortSignal) => Promise<unknown>;

const ABORTED: Record<string, Aborted> = {
  'openai, chat': async (model, session, signal) => {
    const messages = [{ role: 'user' as const, content: prompt }];
    const stream = await sdk({ 'x-session-id': session }).chat.completions.create(
      { model, messages, stream: true, store: false },
      { signal },
    );
    return Array.fromAsync(stream);
  },
  'openai, responses': async (model, session, signal) => {
    const stream = await sdk({ 'x-session-id': session }).responses.create(
      { model, input: prompt, stream: true, store: false },
      { signal },
    );
    return Array.fromAsync(stream);
  },
  'AI SDK': async (model, session, signal) => {
    const clawhold = createOpenAI({ ...base(), headers: { 'x-session-id': session } });
    const providerOptions = { openai: { store: false } };
    const result = streamText({ model: clawhold.chat(model), prompt, abortSignal: signal, providerOptions });
    return Array.fromAsync(result.textStream);
  },
};

describe.each(Object.entries(ABORTED))('an answer that %s aborts', (_, ask) => {
  test.each(PROTOCOLS)('stops, and the session goes on, on %s', async (protocol) => {
    const session = `aborted-${count++}`;
    const control = new AbortController();
    const ended = ask(`${MODELS[protocol]}+say-200+pace-50`, session, control.signal).catch(() => undefined);
    const request = () => stage.provider.requests[0];
    await eventually('the model answers', request, (seen) => seen !== undefined);
    await Bun.sleep(500);
    control.abort();
    await ended;
    await eventually('the provider sees the end', request, (seen) => seen!.aborted);

    const next = await sdk({ 'x-session-id': session }).responses.create({
      ...{ model: `${MODELS[protocol]}+recall`, input: 'And another one.' },
    });
    expect(next.output_text).toBe(`I have heard: "${prompt}" | "And another one."`);
    expect(await sessionLog(stage.gateway, session)).toEqual([
      `user: ${prompt}`,
      expect.stringMatching(/^assistant: word1 /),
      'user: And another one.',
      `assistant: ${next.output_text}`,
    ]);
  });
});

describe('a gateway that is killed in the middle of an answer', () => {
  test.each(PROTOCOLS)('answers the retry of the SDK, on %s', async (protocol) => {
    const dataDir = temporaryDirectory();
    const options = { dataDir, provider: stage.provider.url, yaml: responsesClaw(stage.provider.url) };
    const gateway = await spawnGateway(options);
    const session = `killed-${count++}`;
    const client = new OpenAI({
      ...base(gateway.url),
      maxRetries: 8,
      defaultHeaders: { 'x-session-id': session },
    });
    // Without a stream, the SDK itself retries.
    const answer = client.chat.completions.create({
      model: `${MODELS[protocol]}+say-30+pace-50`,
      messages: [{ role: 'user', content: prompt }],
    });
    const { requests } = stage.provider;
    await eventually(
      'the model answers',
      () => requests.length,
      (length) => length > 0,
    );
    await Bun.sleep(500);
    await gateway.kill();
    const successor = await spawnGateway({ ...options, env: { CLAWHOLD_PORT: new URL(gateway.url).port } });
    const text = (await answer).choices[0]?.message.content;
    const log = await sessionLog(successor, session);
    await successor.stop();
    await gateway.stop();
    rmSync(dataDir, { recursive: true });
    expect(text).toBe(Array.from({ length: 30 }, (_, at) => `word${at + 1}`).join(' '));
    expect(log).toEqual([`user: ${prompt}`, `assistant: ${text}`]);
  });
});
