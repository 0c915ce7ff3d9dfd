import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { completionText, inSession, type Journey, json, startJourney } from '../harness/journey.ts';
import { sent } from '../harness/upstream.ts';
import { asJson } from '../simulators/provider/shape.ts';

const YAML = `claws:
  openai:
    models:
      - { id: say-5, context: 2000 }
      - { id: say-5+wide, context: 8000 }
      - { id: say-5+wide+status-503, context: 8000 }
      - { id: recall, context: 2000 }
  anthropic:
    models: [{ id: say-5, context: 2000 }]
  gemini:
    models:
      - { id: say-5, context: 2000 }
      - { id: say-5+status-503, context: 2000 }
`;

/** About 120 tokens. */
const paragraph = (turn: number) =>
  `Turn ${turn}. ${'The quick brown fox jumps over the lazy dog. '.repeat(12)}`.trim();

let journey: Journey;
let count = 0;
let name = '';

beforeAll(async () => {
  journey = await startJourney({ yaml: YAML });
});
beforeEach(() => {
  journey.provider.reset();
  name = `context-${count++}`;
});
afterAll(() => journey.end());

interface Context {
  tokens: number;
  turns: number;
  dropped: number;
}

function contextOf(headers: Headers): Context | undefined {
  const text = headers.get('x-clawhold-context');
  const [, tokens, turns, dropped] =
    /^tokens=(\d+); turns=(\d+); dropped=(\d+)(?:; pinned=\d+)?(?:; retrieved=\d+)?$/.exec(text ?? '') ?? [];
  return text === null
    ? undefined
    : { tokens: Number(tokens), turns: Number(turns), dropped: Number(dropped) };
}

async function send(turn: number, model = 'openai/say-5', system?: string): Promise<Context | undefined> {
  const { data, response } = await journey.client.chat.completions
    .create(
      {
        model,
        max_tokens: 200,
        messages: [
          ...(system ? [{ role: 'system' as const, content: system }] : []),
          { role: 'user', content: paragraph(turn) },
        ],
      },
      inSession(name),
    )
    .withResponse();
  expect(completionText(data)).toBe('word1 word2 word3 word4 word5');
  return contextOf(response.headers);
}

/** The numbers of the turns whose text the provider received, in order. */
const turnsSent = (request = journey.provider.requests.at(-1)) =>
  sent(request)
    .filter((line) => line.startsWith('user: '))
    // Excerpts, which begin with `user: `, may stand before the text of their message.
    .flatMap((line) => /(?:^user: |(?<!user: ))Turn (\d+)\./.exec(line)?.[1] ?? [])
    .map(Number);

/** What a provider's prompt cache can hold of a prompt. */
function beforeExcerpts(lines: readonly string[]): readonly string[] {
  const at = lines.findIndex((line) => line.startsWith('user: Excerpts from earlier'));
  return at === -1 ? lines : lines.slice(0, at);
}

describe('a session that is too long for its model, on chat', () => {
  test('continues: the oldest turns are left out, the newest stay, and the header says so', async () => {
    for (let turn = 0; turn < 40; turn++) {
      const context = await send(turn);
      const turns = turnsSent();
      expect(turns.at(-1)).toBe(turn);
      expect(turns).toEqual(turns.map((_, at) => turns[0]! + at));
      if (turn === 0) {
        expect(context).toBeUndefined();
        continue;
      }
      expect(context?.turns).toBe(turns.length - 1);
      expect(context!.dropped > 0).toBe(turns[0]! > 0);
      expect(context!.tokens).toBeLessThanOrEqual(2000 - 200);
    }
    expect(turnsSent().length).toBeGreaterThanOrEqual(3);
    expect(turnsSent()[0]).toBeGreaterThan(20);
  });

  test('keeps the prefix the same for several turns, because providers cache it', async () => {
    const firsts: number[] = [];
    for (let turn = 0; turn < 40; turn++) {
      await send(turn);
      firsts.push(turnsSent()[0]!);
    }
    const cuts = firsts.filter((first, at) => at > 0 && first !== firsts[at - 1]).length;
    const turnsAfterFirstCut = firsts.filter((first) => first > 0).length;
    expect(cuts).toBeGreaterThan(3);
    expect(turnsAfterFirstCut / cuts).toBeGreaterThanOrEqual(1.3);
    // Between two cuts, each prompt begins with the whole previous prompt, up to its excerpts.
    const prompts = journey.provider.requests.map((request) => sent(request));
    const grown = prompts.filter((prompt, at) => {
      return at > 0 && beforeExcerpts(prompts[at - 1]!).every((line, index) => line === prompt[index]);
    });
    expect(grown).toHaveLength(prompts.length - 1 - cuts);
  });

  test('keeps the system message at its beginning', async () => {
    for (let turn = 0; turn < 25; turn++)
      await send(turn, 'openai/say-5', turn === 0 ? 'Be brief.' : undefined);
    expect(turnsSent()[0]).toBeGreaterThan(5);
    expect(sent(journey.provider.requests.at(-1)).filter((line) => line.startsWith('system'))).toEqual([
      'system: Be brief.',
    ]);
  });

  test('is cut to the window of each model, at every provider', async () => {
    for (let turn = 0; turn < 25; turn++) {
      await send(turn, `${['openai', 'anthropic', 'gemini'][turn % 3]}/say-5`);
      expect(turnsSent().at(-1)).toBe(turn);
    }
  });

  test('is whole again for a model with a larger window', async () => {
    for (let turn = 0; turn < 25; turn++) await send(turn);
    const narrow = turnsSent().length;
    await send(25, 'openai/say-5+wide');
    expect(turnsSent().length).toBe(26);
    expect(narrow).toBeLessThan(20);
  });

  test('is listed whole, although prompts left out turns', async () => {
    for (let turn = 0; turn < 25; turn++) await send(turn);
    const { data } = asJson(
      await json(journey.gateway.fetch(`/v1/conversations/${name}/items?order=asc&limit=100`)),
    );
    expect(data).toHaveLength(50);
  });

  test('never separates a call from its output', async () => {
    const tools = [{ type: 'function' as const, function: { name: 'look', parameters: { type: 'object' } } }];
    for (let turn = 0; turn < 15; turn++) {
      const { choices } = await journey.client.chat.completions.create(
        { model: 'openai/tools', tools, messages: [{ role: 'user', content: paragraph(turn) }] },
        inSession(name),
      );
      const [call] = choices[0]!.message.tool_calls ?? [];
      await journey.client.chat.completions.create(
        {
          model: 'anthropic/say-5',
          max_tokens: 100,
          tools,
          messages: [{ role: 'tool', tool_call_id: call!.id, content: paragraph(turn) }],
        },
        inSession(name),
      );
      const lines = sent(journey.provider.requests.at(-1));
      const of = (kind: string) => lines.filter((line) => line.startsWith(kind)).length;
      expect(of('call')).toBe(of('output'));
      expect(of('call')).toBeGreaterThan(0);
    }
  });
});

describe('a conversation that is too long for its model, on responses', () => {
  async function fill(): Promise<string> {
    let previous: string | undefined;
    for (let turn = 0; turn < 20; turn++) {
      const { id } = await journey.client.responses.create({
        model: 'openai/say-5+wide',
        input: paragraph(turn),
        previous_response_id: previous,
        max_output_tokens: 200,
      });
      previous = id;
    }
    journey.provider.reset();
    return previous!;
  }

  test('is refused with truncation: disabled, which is the default', async () => {
    const previous_response_id = await fill();
    for (const truncation of [undefined, 'disabled'] as const) {
      const ask = async () =>
        await journey.client.responses.create({
          model: 'openai/say-5',
          input: 'And now?',
          previous_response_id,
          truncation,
        });
      await expect(ask()).rejects.toMatchObject({ status: 400, code: 'context_length_exceeded' });
    }
    expect(journey.provider.requests).toEqual([]);
  });

  test('continues with truncation: auto, which is not sent to the provider', async () => {
    const previous_response_id = await fill();
    const { data, response } = await journey.client.responses
      .create({
        model: 'openai/say-5',
        input: paragraph(20),
        previous_response_id,
        truncation: 'auto',
        max_output_tokens: 200,
      })
      .withResponse();
    expect(data.output_text).toBe('word1 word2 word3 word4 word5');
    expect(data.truncation).toBe('auto');
    expect(contextOf(response.headers)?.dropped).toBeGreaterThan(0);
    expect(turnsSent().at(-1)).toBe(20);
    expect(turnsSent()[0]).toBeGreaterThan(3);
  });

  test('continues at a model with a larger window', async () => {
    const previous_response_id = await fill();
    await journey.client.responses.create({
      model: 'openai/say-5+wide',
      input: paragraph(20),
      previous_response_id,
    });
    expect(turnsSent()).toHaveLength(21);
  });
});

describe('a fallback with another context limit', () => {
  const WIDE = 'openai/say-5+wide+status-503';

  async function fill(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) await send(turn, 'openai/say-5+wide');
    journey.provider.reset();
  }

  const ask = (stream: boolean, model: string, ...fallbacks: string[]) =>
    journey.gateway.post(
      '/v1/chat/completions',
      { model, fallbacks, stream, max_tokens: 200, messages: [{ role: 'user', content: paragraph(20) }] },
      { 'x-session-id': name },
    );

  test.each([true, false])('gets what fits it, and the receipt is about it (stream: %p)', async (stream) => {
    await fill();
    const reply = await ask(stream, WIDE, 'gemini/say-5');
    expect(await reply.text()).toContain('word5');
    expect(reply.headers.get('x-clawhold-model-id')).toBe('gemini/say-5');
    const [wide, small] = journey.provider.requests.map((request) => turnsSent(request));
    expect(wide).toHaveLength(21);
    expect(small!.length).toBeLessThan(16);
    expect(small!.at(-1)).toBe(20);
    const context = contextOf(reply.headers)!;
    expect(context.turns).toBe(small!.length - 1);
    expect(context.dropped).toBeGreaterThan(0);
    expect(context.tokens).toBeLessThan(2000);
  });

  test('that is larger gets the whole history', async () => {
    await fill();
    const reply = await ask(true, 'gemini/say-5+status-503', 'openai/say-5+wide');
    expect(await reply.text()).toContain('word5');
    expect(turnsSent()).toHaveLength(21);
    expect(contextOf(reply.headers)).toMatchObject({ turns: 20, dropped: 0 });
  });

  test('that the conversation does not fit is skipped, and the others are called', async () => {
    await fill();
    const { id } = await journey.client.responses.create(
      { model: 'openai/say-5+wide', input: paragraph(20), truncation: 'auto' },
      inSession(name),
    );
    journey.provider.reset();
    const continued = (model: string, fallbacks: string[]) =>
      journey.gateway.post('/v1/responses', {
        model,
        fallbacks,
        previous_response_id: id,
        input: 'And now?',
      });
    const reply = await continued('anthropic/say-5', ['gemini/say-5', 'openai/say-5+wide']);
    expect(reply.headers.get('x-clawhold-model-id')).toBe('openai/say-5+wide');
    expect(journey.provider.requests.map(({ model }) => model)).toEqual(['say-5+wide']);
    const refused = await continued('anthropic/say-5', ['gemini/say-5']);
    expect(refused.status).toBe(400);
    expect(await json(refused)).toMatchObject({ error: { code: 'context_length_exceeded' } });
  });
});
