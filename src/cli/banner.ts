import { version } from '../../package.json';
import type { Config } from '../config/config.ts';
import type { RunningGateway } from '../main.ts';
import { addressOf } from './chat/connection.ts';
import type { OwnCommand } from './own-command.ts';
import { type KeptRootKey, keptRootKey, shortPath } from './root-key.ts';
import type { Style } from './style.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** The address that all commands use if no other address is configured. */
const USUAL_ADDRESS = 'http://127.0.0.1:2529';

/** What `clawhold start` shows when it listens. */
export interface Banner {
  gateway: Pick<RunningGateway, 'url' | 'newRootKey'> & {
    providers: readonly { id: string; state: string }[];
  };
  /** How many processes serve it. */
  workers: number;
  config: Config;
  env: Env;
  command: OwnCommand;
  /** Whether Ctrl-C reaches the gateway. */
  hasKeyboard: boolean;
  style: Style;
}

export function bannerText(banner: Banner): string {
  const { gateway, config, command, hasKeyboard, style } = banner;
  const url = addressOf(config.host, Number(new URL(gateway.url).port));
  const hasProvider = gateway.providers.some(({ state }) => state === 'on');
  const chat = command('chat', url === USUAL_ADDRESS ? undefined : `--url ${url}`);
  return [
    `${style.bold('Clawhold')} ${version} listens on ${style.cyan(url)}`,
    '',
    ...facts(banner, url),
    ...(hasProvider
      ? []
      : [
          '',
          'No provider is set up, so only the built-in local/recall answers. Set a key, for example OPENAI_API_KEY, and restart.',
        ]),
    '',
    'Try it:',
    style.dim(exampleRequest(url, keyFor(banner))),
    '',
    `Chat with it in another terminal: ${chat}. ${hasKeyboard ? 'Ctrl-C' : 'SIGTERM'} stops the gateway.`,
    '',
  ].join('\n');
}

function facts(
  { gateway: { providers, newRootKey }, config, workers, style }: Banner,
  url: string,
): string[] {
  const on = providers.filter(({ state }) => state === 'on').map(({ id }) => id);
  const sessions =
    config.storage.kind === 'memory' ? 'memory (lost when the gateway stops)' : shortPath(config.dataDir);
  return [
    `  Claws      ${['local', ...on].join(', ')}`,
    `  Sessions   ${sessions}`,
    ...(workers > 1 ? [`  Workers    ${workers}`] : []),
    `  Dashboard  ${url}/dashboard`,
    ...(isLoopback(config.host) ? [] : [`  Open       ${openTo(config.host)}`]),
    ...rootKeyLines(newRootKey, keptRootKey(config), style),
  ];
}

/** Whether only programs on this machine can connect to a server that listens on `host`. */
export const isLoopback = (host: string): boolean => /^(localhost|127(\.\d+){3}|::1)$/.test(host);

/** Describes a host that is not a loopback address. */
export const openTo = (host: string): string => `${host}: other machines can connect, over plain HTTP`;

/** What the operator is told of turns that were taken over; empty where there were none. */
export function recoveredText({ continued, closed }: Awaited<RunningGateway['recovered']>): string {
  const turns = (count: number) => (count === 1 ? '1 turn' : `${count} turns`);
  const were = 'running when the gateway last stopped';
  const lines: string[] = [];
  if (continued > 0)
    lines.push(`${turns(continued)} that ${continued === 1 ? 'was' : 'were'} ${were}: being finished now.`);
  if (closed > 0)
    lines.push(`${turns(closed)} that ${closed === 1 ? 'was' : 'were'} ${were}: recorded as incomplete.`);
  return lines.join('\n');
}

function rootKeyLines(fresh: string | undefined, kept: KeptRootKey | undefined, style: Style): string[] {
  if (fresh === undefined) return kept ? [`  Root key   in ${kept.path}`] : [];
  const where = kept ? `in ${kept.path}` : 'Save it now: it is not shown again.';
  return [`  Root key   ${style.bold(fresh)}`, `             ${where}`];
}

/** A path as one word of a POSIX shell inside double quotes and `$(…)`. */
const shellWord = (path: string): string =>
  /^[\w./@:+-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;

function keyFor({ gateway: { newRootKey }, config, env }: Banner): string {
  const kept = keptRootKey(config);
  if (kept) return `$(cat ${shellWord(kept.path)})`;
  if (newRootKey !== undefined) return newRootKey;
  if (env.CLAWHOLD_ROOT_KEY) return '$CLAWHOLD_ROOT_KEY';
  return config.rootKey === undefined ? '<your root key>' : `<root_key of ${config.file}>`;
}

function exampleRequest(url: string, key: string): string {
  const body = '{"model":"local/recall","messages":[{"role":"user","content":"My name is Ada."}]}';
  return [
    `  curl ${url}/v1/chat/completions -H "authorization: Bearer ${key}" \\`,
    `    -H 'x-session-id: trip' -H 'content-type: application/json' \\`,
    `    -d '${body}'`,
  ].join('\n');
}
