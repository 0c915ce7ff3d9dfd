import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import type { Claw, Quirks, WireProtocol } from '../../src/claws/claw.ts';
import { CONTINUATION } from '../../src/claws/continuation.ts';
import { HttpClient } from '../../src/claws/http/client.ts';
import { httpClaw } from '../../src/claws/http-claw.ts';
import type { Delta } from '../../src/core/delta.ts';
import { type Folded, foldAll } from '../../src/core/fold.ts';
import { type Item, type Message, messageText, userMessage } from '../../src/core/items.ts';
import type { Prompt } from '../../src/core/prompt.ts';
import { answerLimits } from '../harness/answer-limits.ts';
import { type Provider, startProvider } from '../simulators/provider/provider.ts';

export interface ContinuationCase {
  protocol: WireProtocol;
  /** The path of the base URL at which the simulator serves the protocol. */
  path: string;
  /**
   * The ways to continue: a label for the test names, the provider's quirks, and what is expected then.
   */
  ways: { label: string; quirks?: Quirks; prefills: boolean }[];
}

const WHOLE = 'word1 word2 word3 word4';

/** An answer that was cut after any character. */
function cut(text: string): Message {
  const content = [{ type: 'output_text' as const, text, annotations: [] }];
  return { type: 'message', role: 'assistant', status: 'incomplete', content };
}

const TOOL = { type: 'function' as const, name: 'weather', parameters: { type: 'object' } };
const USED: Item[] = [
  userMessage('How is the weather?'),
  { type: 'function_call', call_id: 'call_1', name: 'weather', arguments: '{}' },
  { type: 'function_call_output', call_id: 'call_1', output: 'sunny' },
];

/**
 * The suite of every wire protocol: a model continues an answer that was cut after any character, and only
 * the rest is billed.
 */
export function continuationConformance({ protocol, path, ways }: ContinuationCase): void {
  describe.each(ways)(`${protocol.name}: an answer that was cut ($label)`, (way) => {
    let server: Provider;
    let claw: Claw;
    beforeAll(() => {
      server = startProvider();
      const provider = { id: 'p', baseUrl: server.url + path, apiKey: 'key', quirks: way.quirks ?? {} };
      claw = httpClaw({
        provider,
        protocol,
        post: new HttpClient({ connectMs: () => 1_000 }).post,
        reach: async () => {},
        limits: answerLimits,
        redact: (text) => text,
      });
    });
    afterAll(() => server.stop());

    const promptOf = (plan: string, items: Item[], more: Partial<Prompt> = {}): Prompt => ({
      model: `${way.label}+${plan}`,
      items: items.map((item) => ({ item })),
      settings: {},
      stream: true,
      continues: true,
      dialect: 'local',
      extra: {},
      ...more,
    });
    const askedIt = () => JSON.stringify(server.requests.at(-1)!.body).includes(CONTINUATION);

    test.each([true, false])('continues from every character (stream: %p)', async (stream) => {
      for (let length = 1; length <= WHOLE.length; length++) {
        const beginning = WHOLE.slice(0, length);
        const prompt = promptOf('say-4', [userMessage('Count'), cut(beginning)], { stream });
        expect(claw.prefills(prompt)).toBe(way.prefills);
        const answer = await answerOf(claw, prompt);
        const sent = way.prefills ? beginning.trimEnd() : beginning;
        expect(sent + textOf(answer)).toBe(WHOLE);
        expect(answer.usage?.output).toBe(textOf(answer).trim().split(/\s+/).filter(Boolean).length);
        expect(askedIt()).toBe(!way.prefills);
      }
    });

    test('continues after the outputs of tools', async () => {
      const beginning = 'The tools ans';
      const prompt = promptOf('tools', [...USED, cut(beginning)], { settings: { tools: [TOOL] } });
      const rest = textOf(await answerOf(claw, prompt));
      expect(beginning + rest).toMatch(/^The tools answered: ".*sunny.*"$/);
    });

    test('requests the whole answer again if the beginning is only white space', async () => {
      const prompt = promptOf('echo', [userMessage('Hi'), cut('\n ')]);
      expect(claw.prefills(prompt)).toBe(false);
      expect(textOf(await answerOf(claw, prompt))).toBe('You said: Hi');
      expect(askedIt()).toBe(false);
    });

    test('a prompt that continues no answer is sent unchanged', async () => {
      const prompt = promptOf('echo', [userMessage('Hi'), cut('Hello'), userMessage('Bye')], {
        continues: undefined,
      });
      expect(claw.prefills(prompt)).toBe(false);
      expect(textOf(await answerOf(claw, prompt))).toBe('You said: Bye');
    });
  });
}

async function answerOf(claw: Claw, prompt: Prompt): Promise<Folded> {
  const deltas: Delta[] = [];
  for await (const burst of claw.call(prompt, AbortSignal.timeout(10_000))) deltas.push(...burst);
  return foldAll(deltas);
}

function textOf({ items }: Folded): string {
  return items.map(({ item }) => (item.type === 'message' ? messageText(item) : '')).join('');
}
