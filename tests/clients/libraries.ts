import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import Anthropic from '@anthropic-ai/sdk';
import { type FunctionCall, GoogleGenAI, type PartListUnion } from '@google/genai';
import { ChatAnthropic } from '@langchain/anthropic';
import type { BaseChatModel } from '@langchain/core/language_models/chat_models';
import { tool as langChainTool } from '@langchain/core/tools';
import { ChatGoogleGenerativeAI } from '@langchain/google-genai';
import { ChatOpenAI } from '@langchain/openai';
import {
  Agent,
  tool as agentsTool,
  MemorySession,
  OpenAIChatCompletionsModel,
  OpenAIResponsesModel,
  Runner,
} from '@openai/agents';
import { createOpenRouter } from '@openrouter/ai-sdk-provider';
import { isStepCount, type LanguageModel, type ModelMessage, streamText, tool } from 'ai';
import { createAgent } from 'langchain';
import OpenAI from 'openai';
import { z } from 'zod';
import { ROOT_KEY } from '../harness/gateway.ts';

/** Where a library sends its requests, and the session that it names. */
export interface Target {
  url: string;
  model: string;
  session: string;
}

/** Asks a question and resolves to the answer's text. It streams, runs tools, and keeps the conversation. */
export type Ask = (question: string) => Promise<string>;

/** A library, as an application uses it: with the tool `print`, which returns its argument `word`. */
export interface Library {
  name: string;
  open(target: Target): Ask;
}

const headersOf = ({ session }: Target) => ({ 'x-session-id': session });
const words = z.object({ word: z.string() });
const description = 'Prints a word.';
const base = ({ url }: Target) => ({ baseURL: `${url}/v1`, apiKey: ROOT_KEY });

const sdk = (target: Target) => new OpenAI({ ...base(target), defaultHeaders: headersOf(target) });

const openAiChat: Library = {
  name: 'openai, chat',
  open(target) {
    const client = sdk(target);
    return async (content) => {
      const runner = client.chat.completions.runTools({
        model: target.model,
        stream: true,
        messages: [{ role: 'user', content }],
        tools: [
          {
            type: 'function',
            function: {
              name: 'print',
              description,
              parameters: { type: 'object', properties: { word: { type: 'string' } } },
              parse: JSON.parse,
              function: ({ word }: { word: string }) => word,
            },
          },
        ],
      });
      return (await runner.finalContent()) ?? '';
    };
  },
};

const openAiResponses: Library = {
  name: 'openai, responses',
  open(target) {
    const client = sdk(target);
    return async (question) => {
      let input: OpenAI.Responses.ResponseInput = [{ role: 'user', content: question }];
      for (;;) {
        const stream = client.responses.stream({
          model: target.model,
          input,
          tools: [
            {
              type: 'function',
              name: 'print',
              description,
              strict: false,
              parameters: { type: 'object', properties: { word: { type: 'string' } } },
            },
          ],
        });
        const { output, output_text } = await stream.finalResponse();
        input = output.flatMap((item) =>
          item.type === 'function_call'
            ? [
                {
                  type: 'function_call_output' as const,
                  call_id: item.call_id,
                  output: JSON.parse(item.arguments).word as string,
                },
              ]
            : [],
        );
        if (input.length === 0) return output_text;
      }
    };
  },
};

/** Clients of Anthropic's API keep the conversation themselves, and send it back as it came. */
const anthropic = (name: string, isStreamed: boolean): Library => ({
  name,
  open(target) {
    const { url: baseURL, model } = target;
    const client = new Anthropic({ baseURL, apiKey: ROOT_KEY, defaultHeaders: headersOf(target) });
    const messages: Anthropic.MessageParam[] = [];
    const input_schema = { type: 'object' as const, properties: { word: { type: 'string' } } };
    const answer = () => {
      const tools = [{ name: 'print', description, input_schema }];
      const body = { model, max_tokens: 4096, messages, tools };
      return isStreamed ? client.messages.stream(body).finalMessage() : client.messages.create(body);
    };
    return async (question) => {
      messages.push({ role: 'user', content: question });
      for (;;) {
        const { content, stop_reason } = await answer();
        messages.push({ role: 'assistant', content: content as Anthropic.ContentBlockParam[] });
        const results = content.flatMap((block) =>
          block.type === 'tool_use'
            ? [
                {
                  type: 'tool_result' as const,
                  tool_use_id: block.id,
                  content: (block.input as { word: string }).word,
                },
              ]
            : [],
        );
        if ((stop_reason === 'tool_use') !== results.length > 0) throw new Error(`${stop_reason}`);
        if (results.length === 0)
          return content.map((block) => (block.type === 'text' ? block.text : '')).join('');
        messages.push({ role: 'user', content: results });
      }
    };
  },
});

function googleGenAi(name: string, streams: boolean): Library {
  return {
    name,
    open({ url, model, session }) {
      const httpOptions = { baseUrl: url, headers: headersOf({ url, model, session }) };
      const ai = new GoogleGenAI({ apiKey: ROOT_KEY, httpOptions });
      const parametersJsonSchema = { type: 'object', properties: { word: { type: 'string' } } };
      const tools = [{ functionDeclarations: [{ name: 'print', description, parametersJsonSchema }] }];
      const chat = ai.chats.create({ model, config: { tools, thinkingConfig: { includeThoughts: true } } });
      const send = async (message: PartListUnion) => {
        let text = '';
        const calls: FunctionCall[] = [];
        const chunks = streams
          ? await chat.sendMessageStream({ message })
          : [await chat.sendMessage({ message })];
        for await (const chunk of chunks) {
          text += chunk.text ?? '';
          calls.push(...(chunk.functionCalls ?? []));
        }
        return { text, calls };
      };
      return async (question) => {
        let answer = await send(question);
        while (answer.calls.length > 0) {
          answer = await send(
            answer.calls.map(({ id, name, args }) => ({
              functionResponse: { id, name, response: { output: args?.word } },
            })),
          );
        }
        return answer.text;
      };
    },
  };
}

function aiSdk(name: string, modelOf: (target: Target) => LanguageModel): Library {
  return {
    name,
    open(target) {
      const model = modelOf(target);
      const messages: ModelMessage[] = [];
      return async (content) => {
        messages.push({ role: 'user', content });
        const result = streamText({
          model,
          messages,
          tools: { print: tool({ description, inputSchema: words, execute: ({ word }) => word }) },
          stopWhen: isStepCount(8),
        });
        let text = '';
        for await (const part of result.textStream) text += part;
        messages.push(...(await result.responseMessages));
        return text;
      };
    },
  };
}

const openAiInLangChain =
  (useResponsesApi: boolean) =>
  (target: Target): BaseChatModel => {
    const { baseURL, apiKey } = base(target);
    return new ChatOpenAI({
      model: target.model,
      apiKey,
      useResponsesApi,
      streaming: true,
      configuration: { baseURL, defaultHeaders: headersOf(target) },
    });
  };

const anthropicInLangChain = (target: Target): BaseChatModel =>
  new ChatAnthropic({
    model: target.model,
    apiKey: ROOT_KEY,
    anthropicApiUrl: target.url,
    clientOptions: { defaultHeaders: headersOf(target) },
    maxTokens: 4096,
    streaming: true,
  });

const googleInLangChain = (target: Target): BaseChatModel =>
  new ChatGoogleGenerativeAI({
    model: target.model,
    apiKey: ROOT_KEY,
    baseUrl: target.url,
    customHeaders: headersOf(target),
    streaming: true,
  });

function langChain(name: string, modelOf: (target: Target) => BaseChatModel): Library {
  return {
    name,
    open(target) {
      const model = modelOf(target);
      const print = langChainTool(({ word }) => word, { name: 'print', description, schema: words });
      const agent = createAgent({ model, tools: [print] });
      let messages: unknown[] = [];
      return async (content) => {
        const input = { messages: [...messages, { role: 'user', content }] } as never;
        const result: { messages: { text: string }[] } = await agent.invoke(input);
        messages = result.messages;
        return result.messages.at(-1)!.text;
      };
    },
  };
}

function agentsSdk(name: string, isChat: boolean): Library {
  return {
    name,
    open(target) {
      const client = sdk(target) as never;
      const model = isChat
        ? new OpenAIChatCompletionsModel(client, target.model)
        : new OpenAIResponsesModel(client, target.model);
      const print = agentsTool({
        name: 'print',
        description,
        parameters: words,
        execute: ({ word }) => word,
      });
      const agent = new Agent({ name: 'Assistant', model, tools: [print] });
      const runner = new Runner({ tracingDisabled: true });
      const session = new MemorySession();
      return async (question) => {
        const result = await runner.run(agent, question, { stream: true, session });
        await result.completed;
        return String(result.finalOutput);
      };
    },
  };
}

export const LIBRARIES: Library[] = [
  anthropic('anthropic, streamed', true),
  anthropic('anthropic, whole', false),
  openAiChat,
  openAiResponses,
  aiSdk('AI SDK, openai-compatible', (target) =>
    createOpenAICompatible({ name: 'clawhold', ...base(target), headers: headersOf(target) })(target.model),
  ),
  aiSdk('AI SDK, openai responses', (target) =>
    createOpenAI({ ...base(target), headers: headersOf(target) }).responses(target.model),
  ),
  aiSdk('AI SDK, openai chat', (target) =>
    createOpenAI({ ...base(target), headers: headersOf(target) }).chat(target.model),
  ),
  aiSdk('AI SDK, OpenRouter provider', (target) =>
    createOpenRouter({ ...base(target), headers: headersOf(target) }).chat(target.model),
  ),
  langChain('LangChain, chat', openAiInLangChain(false)),
  langChain('LangChain, responses', openAiInLangChain(true)),
  googleGenAi('Google Gen AI SDK, streaming', true),
  googleGenAi('Google Gen AI SDK, whole', false),
  aiSdk('AI SDK, google', (target) =>
    createGoogleGenerativeAI({
      baseURL: `${target.url}/v1beta`,
      apiKey: ROOT_KEY,
      headers: headersOf(target),
    })(target.model),
  ),
  aiSdk('AI SDK, anthropic', (target) =>
    createAnthropic({ ...base(target), headers: headersOf(target) })(target.model),
  ),
  langChain('LangChain, google', googleInLangChain),
  langChain('LangChain, anthropic', anthropicInLangChain),
  agentsSdk('Agents SDK, chat', true),
  agentsSdk('Agents SDK, responses', false),
];
