import { afterAll, afterEach, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { join } from 'node:path';
import { recipe } from './recipes.ts';
import { MODELS, PROTOCOLS, play, receivedStory } from './script.ts';
import { type Stage, startStage } from './stage.ts';
import { Workbench } from './workbench.ts';

/** Features that only Codex has: a WebSocket, and answers in a schema. */

setDefaultTimeout(120_000);

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

/** Writes the recipe, with one more setting for the provider. */
async function install(setting = ''): Promise<void> {
  bench = new Workbench();
  // The observer does not pass on WebSockets.
  const { files } = recipe('Codex', stage.gateway.url);
  await bench.install(files.map(({ path, text }) => ({ path, text: `${text}${setting}\n` })));
}

const FLAGS = ['--skip-git-repo-check', '--dangerously-bypass-approvals-and-sandbox'];
const echo = (word: string) => ({ name: 'exec_command', arguments: { cmd: `echo ${word}` } });

test.each(PROTOCOLS)('a tool loop over a WebSocket, on %s', async (protocol) => {
  await install('supports_websockets = true');
  stage.provider.follow(play({ 'FIRST-QUESTION': [[echo('out-one'), echo('out-two')], 'All done.'] }));
  const command = ['codex', 'exec', ...FLAGS, '-m', MODELS[protocol], 'The FIRST-QUESTION'];
  const { out, err } = await bench.start(command).ended;
  expect(out).toContain('All done.');
  expect(err).not.toMatch(/falling back/i);
  expect(stage.provider.requests.map(receivedStory)).toEqual([
    ['user: FIRST-QUESTION'],
    ['user: FIRST-QUESTION', 'call', 'call', 'output out-one', 'output out-two'],
  ]);
});

test.each(PROTOCOLS)('an answer in a schema, on %s', async (protocol) => {
  await install();
  stage.provider.follow(undefined);
  const schema = {
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
    additionalProperties: false,
  };
  await Bun.write(join(bench.project, 'schema.json'), JSON.stringify(schema));
  const model = `${MODELS[protocol]}+json`;
  const command = ['codex', 'exec', ...FLAGS, '--output-schema', 'schema.json', '-m', model, 'Name a city.'];
  expect(JSON.parse(await bench.run(command))).toEqual({ city: expect.any(String) });
});
