import { planFor } from '../simulators/provider/behaviour.ts';
import { checkResponses } from '../simulators/provider/responses-rules.ts';
import { asJson, type Json } from '../simulators/provider/shape.ts';

/** A provider of the Responses API whose output items the test gives. It refuses the inputs that OpenAI refuses. */
export interface ResponsesProvider {
  /** The settings of a gateway that knows this provider under two names: `one/<any model>`, `two/<any model>`. */
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
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      const body = asJson(await request.json());
      bodies.push(body);
      const refused = checkResponses(body, planFor('say-1'), { issued: new Set() });
      if (refused) return Response.json({ error: refused }, { status: 400 });
      const response = { id: `resp_${bodies.length}`, model: 'm', status: 'completed', output };
      if (body.stream !== true) return Response.json(response);
      const text = eventsOf(response).map((event) => `data: ${JSON.stringify(event)}\n\n`);
      return new Response(text.join(''), { headers: { 'content-type': 'text/event-stream' } });
    },
  });
  const url = `http://127.0.0.1:${server.port}`;
  const claw = (name: string) =>
    `  ${name}: { protocol: openai-responses, base_url: '${url}', api_key: k }\n`;
  return {
    yaml: `claws:\n${claw('one')}${claw('two')}`,
    answer: (...items) => {
      output = items;
    },
    bodies,
    stop: () => server.stop(true),
  };
}

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
