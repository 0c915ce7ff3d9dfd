import { openaiResponses } from '../../src/claws/openai-responses/protocol.ts';
import { continuationConformance } from './continuation.ts';
import { type Recording, recordings, wireProtocolConformance } from './wire-protocol.ts';

const typeOf = (payload: string): unknown => (JSON.parse(payload) as Event).type;

/** One file holds the streams of several calls, one after the other. Each becomes a recording of its own. */
function eachStream(recording: Recording): Recording[] {
  const starts = (recording.events ?? []).flatMap((event, at) =>
    typeOf(event) === 'response.created' ? [at] : [],
  );
  if (starts.length < 2) return [recording];
  return [
    { name: recording.name, whole: recording.whole },
    ...starts.map((from, n) => ({
      name: `${recording.name} (stream ${n + 1})`,
      events: recording.events?.slice(from, starts[n + 1]),
    })),
  ];
}

/**
 * Left out: refusals (see openai-responses-faults.test.ts), and `deepseek` at Azure, which has chat completions.
 */
const NOT_ANSWERS = /error|deepseek/;

/**
 * Structure: discriminators that the canonical types have too, and the fields that repeat the request
 * (`ECHOES` in answer.ts), which the gateway fills from its own caller's request.
 */
const STRUCTURAL =
  /^(object|background|frequency_penalty|instructions|max_output_tokens|max_tool_calls|metadata|parallel_tool_calls|presence_penalty|previous_response_id|prompt_cache_(key|retention)|reasoning|safety_identifier|store|temperature|text|tool_choice|tools|top_logprobs|top_p|truncation|user)\b/;

interface Event {
  type: string;
  item?: { id: string };
  response?: { output: { id: string }[] };
}

/**
 * The last event holds the whole response. Azure encrypts a reasoning item again each time it sends it, so
 * the item in the last event differs from the one in its own end event. Both are valid; the first one counts.
 */
function reassemble(all: unknown[]): unknown {
  const events = all as Event[];
  const response = events.at(-1)?.response;
  const ended = events.flatMap(({ type, item }) =>
    type === 'response.output_item.done' && item ? [item] : [],
  );
  const output = response?.output.map((item) => ended.find(({ id }) => id === item.id) ?? item);
  return { ...response, output };
}

wireProtocolConformance({
  protocol: openaiResponses,
  recordings: [
    ...recordings(['openai'], /^responses-/),
    ...recordings(['azure'], /./),
    ...recordings(['xai'], /^responses-/),
  ]
    .filter(({ name }) => !NOT_ANSWERS.test(name))
    .flatMap(eachStream),
  reassemble,
  structural: STRUCTURAL,
});

continuationConformance({
  protocol: openaiResponses,
  path: '/v1',
  ways: [{ label: 'gpt', prefills: false }],
});
