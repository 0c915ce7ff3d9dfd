import { type RunningGateway, startGateway } from '../main.ts';
import { loadSettings } from './settings.ts';

const HELP = `clawhold start: start the gateway

It reads clawhold.yaml, if there is one, and CLAWHOLD_… variables; keys of providers come from their usual
variables (OPENAI_API_KEY, ANTHROPIC_API_KEY, GEMINI_API_KEY…). The first start makes a root key and shows it once.
`;

export async function main(args: string[]): Promise<void> {
  if (args.includes('--help') || args.includes('-h')) {
    console.log(HELP);
    return;
  }
  const config = await loadSettings();
  const gateway = await startGateway(config, process.env);
  console.error(banner(gateway, config.masterKey === undefined));
  let stopping = false;
  const stop = async () => {
    if (stopping) return;
    stopping = true;
    console.error(`\nStopping: waiting for running turns (at most ${config.shutdown.drainMs / 1000} s)…`);
    await gateway.stop();
    process.exit(0);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
}

function banner({ url, newRootKey, providers, recovered }: RunningGateway, ownKey: boolean): string {
  const on = providers.filter(({ state }) => state === 'on').map(({ id }) => id);
  const key = newRootKey ?? (ownKey ? '<your root key>' : '$CLAWHOLD_MASTER_KEY');
  const lines = [`Clawhold listens on ${url}`, `Claws: ${['local', ...on].join(', ')}`];
  if (on.length === 0)
    lines.push(
      '  No provider key is set; local/recall answers. Set OPENAI_API_KEY, for example, and restart.',
    );
  if (recovered > 0)
    lines.push(`Closed ${recovered} turn(s) that were running when the gateway last stopped.`);
  if (newRootKey) lines.push('', `Root key (shown once, keep it): ${newRootKey}`);
  const body = '{"model":"local/recall","messages":[{"role":"user","content":"My name is Ada."}]}';
  lines.push(
    '',
    'Try it:',
    `  curl ${url}/v1/chat/completions -H 'authorization: Bearer ${key}' -H 'x-session-id: trip' -H 'content-type: application/json' -d '${body}'`,
    '',
  );
  return lines.join('\n');
}
