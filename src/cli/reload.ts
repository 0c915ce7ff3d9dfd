import type { Reload } from '../core/reload.ts';
import { type Target, targetOf } from './admin/management-api.ts';
import { parseOptions } from './options.ts';
import { ownCommand } from './own-command.ts';

const HELP = `clawhold reload: make the running gateway read its configuration again

It says what changed, what takes effect only at the next start, or which mistakes the configuration has. One with
mistakes changes nothing, and the exit code is 1. Requests that run are not disturbed.

Options
  --url <address>    instead of the configured address
  --key <key>        the root key, instead of CLAWHOLD_ROOT_KEY or the file in the data folder
  --help             show this help

A running gateway also reads its file again when the file changes, and at SIGHUP. The environment is read only at a
start.
`;

const OPTIONS = {
  url: { type: 'string' },
  key: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

export async function main(args: string[]): Promise<void> {
  const { values } = parseOptions('reload', { args, options: OPTIONS });
  if (values.help) {
    console.log(HELP);
    return;
  }
  const result = await askFor(await targetOf(values));
  if (result.state === 'rejected') throw new Error(reloadText(result));
  console.log(reloadText(result));
}

/** The result of a reload, for people. */
export function reloadText(result: Reload): string {
  if (result.state === 'rejected')
    return ['The configuration has errors; nothing was changed:', ...result.problems].join('\n');
  const { changed, restart } = result;
  const lines = [
    changed.length > 0
      ? `The configuration is in effect. Changed: ${changed.join(', ')}.`
      : 'The configuration was read. No setting that is in effect now changed.',
  ];
  if (restart.length > 0) lines.push(`These settings take effect at the next start: ${restart.join(', ')}.`);
  return lines.join('\n');
}

async function askFor({ address, key }: Target): Promise<Reload> {
  if (key === undefined)
    throw new Error(
      `No root key was found. Set --key. This says where it is: ${ownCommand(process.env)('key')}`,
    );
  const headers = { authorization: `Bearer ${key}` };
  let response: Response;
  try {
    response = await fetch(`${address}/admin/reload`, { method: 'POST', headers, redirect: 'error' });
  } catch (error) {
    const { code, name } = error as { code?: string; name: string };
    throw new Error(`No gateway answers at ${address} (${code ?? name}). Its address can be set with --url.`);
  }
  const body = (await response.json().catch(() => ({}))) as Reload | { error?: { message?: string } };
  if ('state' in body) return body;
  throw new Error(
    body.error?.message ?? `${address} answered ${response.status}; it is no gateway, or an older one.`,
  );
}
