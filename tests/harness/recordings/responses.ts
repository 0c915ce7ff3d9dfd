import { type Recording, recordings } from '../../conformance/wire-protocol.ts';

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

interface Event {
  type: string;
  item?: { id: string };
  response?: { output: { id: string }[] };
}

/**
 * The last event holds the whole response. Azure encrypts a reasoning item again each time it sends it, so
 * the item in the last event differs from the one in its own end event. Both are valid; the first one counts.
 */
export function wholeResponse(all: unknown[]): unknown {
  const events = all as Event[];
  const response = events.at(-1)?.response;
  const ended = events.flatMap(({ type, item }) =>
    type === 'response.output_item.done' && item ? [item] : [],
  );
  const output = response?.output.map((item) => ended.find(({ id }) => id === item.id) ?? item);
  return { ...response, output };
}

export const responsesRecordings = (): Recording[] =>
  [
    ...recordings(['openai'], /^responses-/),
    ...recordings(['azure'], /./),
    ...recordings(['xai'], /^responses-/),
  ]
    .filter(({ name }) => !NOT_ANSWERS.test(name))
    .flatMap(eachStream);
