import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { rmSync } from 'node:fs';
import { eventually } from '../harness/eventually.ts';
import { spawnGateway, type TestGateway, temporaryDirectory } from '../harness/gateway.ts';
import { sessionLog } from '../harness/journey.ts';
import type { RecordedRequest } from '../simulators/provider/provider.ts';
import { AGENTS, type Agent } from './agents.ts';
import { recipe } from './recipes.ts';
import { MODELS, PROTOCOLS, play, receivedStory, type Steps, story, withoutThoughts } from './script.ts';
import { responsesClaw, type Stage, startStage } from './stage.ts';
import { Workbench } from './workbench.ts';

setDefaultTimeout(180_000);

let stage: Stage;
let bench: Workbench;
beforeAll(async () => {
  stage = await startStage();
});
afterEach(() => {
  bench.remove();
  stage.reset();
});
afterAll(() => stage.end());

/** The model in all recipes. */
const RECIPE_MODEL = 'anthropic/claude-sonnet-4-5';

const UNSTORED = '"store": false';

/** Installs the agent's recipe, with another model; without `store: false` where turns are to be stored. */
async function install(
  { name }: Agent,
  model: string,
  { url = stage.observer.url, stored = false } = {},
): Promise<void> {
  const { files, commands } = recipe(name, url);
  const here = (text: string) =>
    text.replaceAll(RECIPE_MODEL, model).replace(UNSTORED, stored ? '' : UNSTORED);
  await bench.install(files.map(({ path, text }) => ({ path, text: here(text) })));
  for (const command of commands) await bench.run(['bash', '-ec', here(command)]);
}

async function ask(agent: Agent, turn: 'first' | 'next', model: string, question: string): Promise<string> {
  await install(agent, model);
  return bench.run(agent[turn]!(model, `Answer the ${question}`));
}

const LONG_ANSWER = Array.from({ length: 60 }, (_, at) => `word${at}`).join(' ');

/** The requests of the conversation, without those for titles and memories. */
function conversation(steps: Steps): RecordedRequest[] {
  return stage.provider.requests.filter((request) => {
    const last = receivedStory(request).findLast((line) => line.startsWith('user: ')) ?? '';
    const hasTools = JSON.stringify(request.body).includes('"tools"');
    return hasTools && Object.keys(steps).some((key) => last === `user: ${key}`);
  });
}

/** The outputs of the two parallel calls in the order of the calls. */
function inOrder({ isParallel }: Agent, lines: string[]): string[] {
  const [one, two] = ['output out-one', 'output out-two'] as const;
  const at = isParallel ? lines.indexOf(two) : -1;
  return at !== -1 && lines[at + 1] === one ? lines.toSpliced(at, 2, one, two) : lines;
}

const withoutWords = (lines: string[]) => lines.map((line) => line.replace(/^output .*/, 'output'));

/** The story of the agent's session. All its requests name the same one. */
async function storedStory(agent: Agent, gateway: TestGateway = stage.gateway): Promise<string[]> {
  const { turns } = stage.observer;
  const names = new Set(turns.map(({ headers }) => headers[agent.sessionHeader!]));
  expect([...names]).toEqual([expect.any(String)]);
  const lines = withoutThoughts(story(await sessionLog(gateway, [...names][0]!)));
  // Qwen Code sends its whole conversation and asks for memories. Leaves out this request, up to the next
  // question.
  const memories = lines.findIndex((line) => line.startsWith('user: Managed memory'));
  return memories < 0 ? lines : lines.slice(0, memories);
}

describe.each(AGENTS)('$name', (agent) => {
  // It runs before the workbench is removed.
  afterEach(async () => {
    if (agent.stop) await bench.run(agent.stop);
  });

  const steps: Steps = {
    'FIRST-QUESTION': [
      [agent.print('out-one'), agent.print('out-two')],
      [agent.print('out-three')],
      'All done.',
    ],
    'SECOND-QUESTION': [[agent.print('out-four')], 'Still here.'],
    'THIRD-QUESTION': ['The end.'],
    'SHORT-QUESTION': ['Yes.'],
    'LONG-QUESTION': [LONG_ANSWER],
  };
  const outputs = ['output out-one', 'output out-two'];
  const first = ['user: FIRST-QUESTION', 'call', 'call', ...outputs, 'call', 'output out-three'];
  const second = ['assistant: All done.', 'user: SECOND-QUESTION', 'call', 'output out-four'];
  const third = ['assistant: Still here.', 'user: THIRD-QUESTION'];

  test('is installed in the version of its recipe', async () => {
    bench = new Workbench();
    const installed = await Bun.file(`${import.meta.dir}/node_modules/${agent.package}/package.json`).json();
    expect(recipe(agent.name, '').version).toBe(installed.version);
  });

  test.each(PROTOCOLS)('reasons, works through tools and goes on, from %s to the next', async (protocol) => {
    bench = new Workbench(agent.env);
    stage.provider.follow(play(steps));
    const other = PROTOCOLS[(PROTOCOLS.indexOf(protocol) + 1) % PROTOCOLS.length]!;
    const model = `${MODELS[protocol]}+think`;

    expect(await ask(agent, 'first', model, 'FIRST-QUESTION')).toContain('All done.');
    if (agent.next) {
      expect(await ask(agent, 'next', `${MODELS[other]}+think`, 'SECOND-QUESTION')).toContain('Still here.');
      expect(await ask(agent, 'next', model, 'THIRD-QUESTION')).toContain('The end.');
    }

    expect(stage.observer.turns.filter(({ status }) => status !== 200)).toEqual([]);
    const requests = conversation(steps);
    const asked = [protocol, protocol, protocol, ...(agent.next ? [other, other, protocol] : [])];
    expect(requests.map((request) => request.protocol)).toEqual(asked);
    const expected = [
      first.slice(0, 1),
      first.slice(0, 5),
      first,
      [...first, ...second.slice(0, 2)],
      [...first, ...second],
      [...first, ...second, ...third],
    ];
    const received = requests.map((request) => inOrder(agent, withoutThoughts(receivedStory(request))));
    expect(received).toEqual(expected.slice(0, asked.length));
    if (!agent.sessionHeader) return;
    const whole = [...first, ...second, ...third, 'assistant: The end.'];
    expect(await storedStory(agent)).toEqual(withoutWords(whole));
  });

  // pi saves a session when it has an answer.
  const interrupted = ['first', 'next'].filter((turn) => agent.name !== 'pi' || turn === 'next');
  test.if(agent.next !== undefined).each(interrupted)(
    'is interrupted in its %s answer, and goes on',
    async (turn) => {
      bench = new Workbench(agent.env);
      stage.provider.follow(play(steps));
      if (turn === 'next') await ask(agent, 'first', MODELS.chat, 'SHORT-QUESTION');
      const model = `${MODELS.messages}+pace-200`;
      await install(agent, model);
      const program = bench.start(agent[turn as 'first' | 'next']!(model, 'Answer the LONG-QUESTION'));
      const isLong = (request: RecordedRequest) => receivedStory(request).at(-1) === 'user: LONG-QUESTION';
      const asked = () => conversation(steps).find(isLong);
      await eventually('the model answers', asked, (request) => request !== undefined, 60_000);
      await Bun.sleep(1000);
      await program.interrupt();
      await eventually('the provider sees the end', asked, (request) => request!.aborted);

      expect(await ask(agent, 'next', MODELS.chat, 'THIRD-QUESTION')).toContain('The end.');
      await ask(agent, 'next', MODELS.chat, 'SHORT-QUESTION');
      const questions = ['user: LONG-QUESTION', 'user: THIRD-QUESTION', 'user: SHORT-QUESTION'];
      if (agent.forgetsInterrupted) questions.shift();
      if (turn === 'next') questions.unshift('user: SHORT-QUESTION');
      const last = conversation(steps).at(-1)!;
      expect(JSON.stringify(last.body)).toContain('THIRD-QUESTION');
      if (agent.joinsInterrupted) questions.splice(questions.indexOf('user: THIRD-QUESTION'), 1);
      const received = receivedStory(last);
      expect(received.filter((line) => line.startsWith('user: '))).toEqual(questions);
      if (!agent.sessionHeader) return;
      const stored = await storedStory(agent);
      expect(stored.filter((line) => line.startsWith('user: '))).toEqual(questions);
      expect(stored.slice(-3)).toEqual([
        ...['assistant: The end.', 'user: SHORT-QUESTION', 'assistant: Yes.'],
      ]);
    },
  );

  const mayStore = recipe(agent.name, '').files.some(({ text }) => text.includes(UNSTORED));
  test.if(mayStore)('is interrupted in an answer that is stored, and goes on at once', async () => {
    bench = new Workbench(agent.env);
    stage.provider.follow(play(steps));
    const ask = async (turn: 'first' | 'next', model: string, question: string) => {
      await install(agent, model, { stored: true });
      return bench.start(agent[turn]!(model, `Answer the ${question}`));
    };
    // The answer takes two minutes.
    const program = await ask('first', `${MODELS.messages}+pace-2000`, 'LONG-QUESTION');
    const asked = () => conversation(steps)[0];
    await eventually('the model answers', asked, (request) => request !== undefined, 60_000);
    await Bun.sleep(1000);
    await program.interrupt();
    expect(asked()!.aborted).toBe(false);

    const before = performance.now();
    const { out } = await (await ask('next', MODELS.messages, 'THIRD-QUESTION')).ended;
    expect(out).toContain('The end.');
    expect(performance.now() - before).toBeLessThan(30_000);
    await eventually('the provider sees the end', asked, (request) => request!.aborted);
    await (await ask('next', MODELS.messages, 'SHORT-QUESTION')).ended;
    const questions = (await storedStory(agent)).filter((line) => line.startsWith('user: '));
    expect(questions).toEqual(['user: LONG-QUESTION', 'user: THIRD-QUESTION', 'user: SHORT-QUESTION']);
  });

  test.if(agent.retries === true)(
    'gets its answer from a gateway that is killed in the middle of it',
    async () => {
      bench = new Workbench(agent.env);
      stage.provider.follow(play(steps));
      const dataDir = temporaryDirectory();
      const options = { dataDir, provider: stage.provider.url, yaml: responsesClaw(stage.provider.url) };
      const gateway = await spawnGateway(options);
      const model = `${MODELS.chat}+pace-100`;
      await install(agent, model, { url: gateway.url });
      const program = bench.start(agent.first(model, 'Answer the LONG-QUESTION'));
      await eventually(
        'the model answers',
        () => conversation(steps).length,
        (count) => count > 0,
        60_000,
      );
      await Bun.sleep(1500);
      await gateway.kill();
      const port = new URL(gateway.url).port;
      const successor = await spawnGateway({ ...options, env: { CLAWHOLD_PORT: port } });
      const { out } = await program.ended;
      await successor.stop();
      rmSync(dataDir, { recursive: true });
      expect(out).toContain(LONG_ANSWER);
    },
  );
});
