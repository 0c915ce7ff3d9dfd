import { afterAll, beforeAll, expect, test } from 'bun:test';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { SettingInUse } from '../../../src/config/in-use.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { temporaryDirectory } from '../../harness/gateway.ts';

const FILE = `limits:
  body_bytes: 1000000
claws:
  openai:
    api_key: sk-secret-of-openai
    base_url: https://ann:word@models.example/v1?token=abc
keys:
  - name: web
    key: sk-claw-secret-of-a-website
telemetry:
  headers: { x-collector-key: secret-of-a-collector }
alerts:
  targets:
    team: { kind: slack, url: 'https://hooks.slack.example/services/secret-of-slack' }
`;

const cwd = temporaryDirectory();
let settings: readonly SettingInUse[];
beforeAll(async () => {
  await Bun.write(join(cwd, 'clawhold.yaml'), FILE);
  const env = { CLAWHOLD_PORT: '4001', CLAWHOLD_ROOT_KEY: 'sk-claw-secret-of-the-root' };
  settings = (await loadConfig({ cwd, env })).inUse;
});
afterAll(() => rmSync(cwd, { recursive: true }));

const setting = (name: string) => settings.find((one) => one.name === name);

test('each setting says where its value comes from', () => {
  expect(setting('port')).toMatchObject({ value: 4001, origin: 'CLAWHOLD_PORT', needsRestart: true });
  expect(setting('limits.body_bytes')).toMatchObject({ value: 1_000_000, origin: 'clawhold.yaml:2' });
  expect(setting('host')).toMatchObject({ value: '127.0.0.1', origin: 'default' });
  expect(setting('keys[0].name')).toMatchObject({ value: 'web', origin: 'clawhold.yaml:8' });
  expect(setting('region')).toMatchObject({ isSet: false });
});

test('secrets are hidden', () => {
  for (const name of ['root_key', 'claws.openai.api_key', 'keys[0].key'])
    expect(setting(name)).toMatchObject({ isSecret: true, isSet: true });
  expect(setting('claws.openai.base_url')?.value).toBe('https://…@models.example/v1?…');
  const text = JSON.stringify(settings);
  for (const part of ['secret-of', 'ann:word', 'token=abc']) expect(text).not.toContain(part);
});
