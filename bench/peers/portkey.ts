import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { end, pinned, type Server } from '../processes.ts';
import { freePort, untilAccepting } from './nginx.ts';

/** Portkey's gateway: a peer in the same language. It forwards requests and stores nothing. */

const DIRECTORY = join(import.meta.dir, '../.peers/portkey');
const VERSION = '1.15.2';
const SERVER_OVERRIDE = '1.13.8';
export const PORTKEY_NOTE = `Portkey's gateway is @portkey-ai/gateway ${VERSION} from npm on Node.js, with @hono/node-server fixed at ${SERVER_OVERRIDE}.`;
export const PORTKEY_MISSING = "Portkey's gateway could not be installed from npm (or there is no Node.js).";

export async function havePortkey(): Promise<boolean> {
  const program = programPath();
  if (!Bun.which('node') || !Bun.which('npm')) return false;
  if (existsSync(program)) return true;
  const manifest = {
    private: true,
    dependencies: { '@portkey-ai/gateway': VERSION },
    overrides: { '@hono/node-server': SERVER_OVERRIDE },
  };
  await Bun.write(join(DIRECTORY, 'package.json'), JSON.stringify(manifest));
  const install = Bun.spawn(['npm', 'install', '--no-audit', '--no-fund', '--ignore-scripts'], {
    cwd: DIRECTORY,
    stdout: 'ignore',
    stderr: 'ignore',
  });
  await install.exited;
  return existsSync(program);
}

const programPath = () => join(DIRECTORY, 'node_modules/@portkey-ai/gateway/build/start-server.js');

export async function startPortkey(): Promise<Server> {
  const port = freePort();
  const child = Bun.spawn(pinned('measured', ['node', programPath(), `--port=${port}`, '--headless']), {
    env: { PATH: process.env.PATH ?? '', NODE_ENV: 'production', TRUSTED_CUSTOM_HOSTS: '127.0.0.1' },
    stdout: 'ignore',
    stderr: 'ignore',
  });
  await untilAccepting(port);
  return { pid: child.pid, port, stop: () => end(child, 'SIGKILL') };
}

export function portkeyHeaders(provider: number): Record<string, string> {
  return {
    'x-portkey-provider': 'openai',
    'x-portkey-custom-host': `http://127.0.0.1:${provider}/v1`,
  };
}
