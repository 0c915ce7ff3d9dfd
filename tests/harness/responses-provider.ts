import { planFor } from '../simulators/provider/behaviour.ts';
import { checkResponses } from '../simulators/provider/responses-rules.ts';
import { asJson, asText, type Json } from '../simulators/provider/shape.ts';

/**
 * A provider of the Responses API whose output items the test gives. It refuses the inputs that OpenAI refuses. In
 * chat completions it answers "Hi".
 */
export interface ResponsesProvider {
  /** The settings of a gateway that knows this provider as `one/m` and `two/m`, and as `chat/m` in chat completions. */
  yaml: string;
  /** The output of the next answers. */
  answer(...output: Json[]): void;
  /** The bodies of all requests. */
  bodies: Json[];
  stop(): Promise<void>;
}

export function responsesProvider(): ResponsesProvider {
  const bodies: Json[] = [];
  let output: Json[] = [];
  const issued = new Set<string>();
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      const body = asJson(await request.json());
      bodies.push(body);
      if (request.url.endsWith('/chat/completions')) return Response.json(HI);
      const refused = checkResponses(body, planFor('say-1'), { issued });
      if (refused) return Response.json({ error: refused }, { status: 400 });
      const response = { id: `resp_${bodies.length}`, model: 'm', status: 'completed', output };
      if (body.stream !== true) return Response.json(response);
      const text = eventsOf(response).map((event) => `data: ${JSON.stringify(event)}\n\n`);
      return new Response(text.join(''), { headers: { 'content-type': 'text/event-stream' } });
    },
  });
  const url = `http://127.0.0.1:${server.port}`;
  const claw = (name: string, protocol: string) =>
    `  ${name}: { protocol: ${protocol}, base_url: '${url}', api_key: k }\n`;
  const claws = [
    claw('one', 'openai-responses'),
    claw('two', 'openai-responses'),
    claw('chat', 'openai-chat'),
  ];
  return {
    yaml: `claws:\n${claws.join('')}`,
    answer: (...items) => {
      output = items;
      for (const { id } of items) issued.add(asText(id));
    },
    bodies,
    stop: () => server.stop(true),
  };
}

const HI = {
  ...{ id: 'c', object: 'chat.completion', model: 'm' },
  choices: [{ index: 0, message: { role: 'assistant', content: 'Hi' }, finish_reason: 'stop' }],
};

/** Fields that an item's first event leaves empty. */
const GROWING: Json = { content: [], arguments: '', input: '', summary: [] };

function eventsOf(response: Json & { output: Json[] }): Json[] {
  return [
    { type: 'response.created', response: { ...response, status: 'in_progress', output: [] } },
    ...response.output.flatMap((item, output_index) => {
      const grows = Object.keys(GROWING).filter((field) => field in item);
      const empty = Object.fromEntries(grows.map((field) => [field, GROWING[field]]));
      return [
        { type: 'response.output_item.added', output_index, item: { ...item, ...empty } },
        { type: 'response.output_item.done', output_index, item },
      ];
    }),
    { type: 'response.completed', response },
  ];
}
