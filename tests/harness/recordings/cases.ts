import { type Recording, recordings } from '../../conformance/wire-protocol.ts';
import type { ProtocolName } from '../../simulators/provider/protocol.ts';
import { asJson, asList, asText, type Json } from '../../simulators/provider/shape.ts';
import { anthropicRecordings, wholeMessage } from './anthropic.ts';
import { chatRecordings, wholeChat } from './chat.ts';
import { geminiRecordings, wholeGemini } from './gemini.ts';
import type { RecordedBody } from './replaying-provider.ts';
import { responsesRecordings, wholeResponse } from './responses.ts';
import { chatTold, geminiTold, messageTold, responseTold, type Told } from './told.ts';

/** A recorded answer of a language model in one form, and what it says. */
export interface RecordedCase {
  name: string;
  /** The folder of the recording. */
  provider: string;
  protocol: ProtocolName;
  recorded: RecordedBody;
  told: Told;
  /** The tools of the recorded request, in the form of the Responses API. */
  tools: Json[];
  /** The whole body in the provider's form. */
  whole: Json;
}

/** Two answers in one stream of a broken proxy: no provider sends it, and the claw refuses it. */
const BROKEN = /spliced-message-start/;

/** Streams without some deltas of text: their deltas are less than the text in their last event. */
const CUT_OUT = /(openai-phase\.1|openai-shell-container\.1), stream$/;

interface Protocol {
  recordings: () => Recording[];
  whole: (events: unknown[]) => unknown;
  told: (body: unknown, tools: Json[]) => Told;
}

const PROTOCOLS: Record<ProtocolName, Protocol> = {
  chat: { recordings: chatRecordings, whole: wholeChat, told: chatTold },
  responses: {
    recordings: responsesRecordings,
    whole: wholeResponse,
    told: (body, tools) => responseTold(body, customNames(tools)),
  },
  messages: { recordings: anthropicRecordings, whole: wholeMessage, told: messageTold },
  gemini: { recordings: geminiRecordings, whole: wholeGemini, told: geminiTold },
};

const customNames = (tools: Json[]): Set<string> =>
  new Set(tools.flatMap(({ type, name }) => (type === 'custom' ? [asText(name)] : [])));

export function recordedCases(): RecordedCase[] {
  const names = Object.keys(PROTOCOLS) as ProtocolName[];
  return names.flatMap((name) =>
    PROTOCOLS[name]
      .recordings()
      .filter((recording) => !BROKEN.test(recording.name))
      .flatMap((recording) => casesOf(name, recording))
      .filter((each) => !CUT_OUT.test(each.name)),
  );
}

function casesOf(protocol: ProtocolName, { name, events, whole }: Recording): RecordedCase[] {
  const { whole: reassemble } = PROTOCOLS[protocol];
  const provider = name.slice(0, name.indexOf('/'));
  const made = (recorded: RecordedBody, body: unknown): RecordedCase => {
    const tools = toolsOf(protocol, asJson(body));
    const told = PROTOCOLS[protocol].told(body, tools);
    return {
      name: `${name}, ${recorded.form}`,
      provider,
      protocol,
      recorded,
      told,
      tools,
      whole: asJson(body),
    };
  };
  const parsed = events?.filter((event) => event !== '[DONE]').map((event) => JSON.parse(event));
  return [
    ...(events && parsed ? [made({ form: 'stream', events }, reassemble(parsed))] : []),
    ...(whole === undefined ? [] : [made({ form: 'json', body: whole }, whole)]),
  ];
}

/** A response repeats its tools. For other protocols, the tools are functions with the names that are called. */
function toolsOf(protocol: ProtocolName, whole: Json): Json[] {
  if (protocol === 'responses') return asList(whole.tools);
  const names = new Set(PROTOCOLS[protocol].told(whole, []).calls.map(({ name }) => name));
  return [...names].map((name) => ({
    type: 'function',
    name,
    parameters: { type: 'object', properties: {} },
  }));
}

/** A recorded failure of a provider, with its HTTP status, which recordings do not hold. */
export interface RecordedFailure {
  name: string;
  protocol: ProtocolName;
  recorded: RecordedBody;
  /** Of the HTTP answer. A stream that fails has begun with 200. */
  status: number;
  /** The status of the error itself. */
  means: number;
  message: string;
}

export function recordedFailures(): RecordedFailure[] {
  return recordings(['openai'], /error/).flatMap(({ name, whole, events }): RecordedFailure[] => {
    const protocol = name.includes('/chat-') ? 'chat' : 'responses';
    const last = events && asJson(JSON.parse(events.at(-1)!));
    const failures = [
      { recorded: whole === undefined ? undefined : { form: 'json' as const, body: whole }, holder: whole },
      { recorded: events && { form: 'stream' as const, events }, holder: last?.response },
    ];
    return failures.flatMap(({ recorded, holder }) => {
      if (!recorded) return [];
      const { code, message } = asJson(asJson(holder).error);
      const means = code === 'insufficient_quota' ? 429 : 400;
      const status = recorded.form === 'stream' ? 200 : means;
      return [
        { name: `${name}, ${recorded.form}`, protocol, recorded, status, means, message: asText(message) },
      ];
    });
  });
}
