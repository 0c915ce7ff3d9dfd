import { checkAddress } from './doctor/address.ts';
import { checkConfiguration } from './doctor/configuration.ts';
import type { Env, Finding, Level, Section } from './doctor/finding.ts';
import { probeProviders } from './doctor/probe.ts';
import { checkProviders } from './doctor/providers.ts';
import { checkRuntime } from './doctor/runtime.ts';
import { checkStorage } from './doctor/storage.ts';
import { parseOptions } from './options.ts';
import { ownCommand } from './own-command.ts';
import { type Style, styleFor } from './style.ts';

const HELP = `clawhold doctor: check the installation and report problems

It checks the runtime, the settings, the data folder, the port, the providers, and the names in aliases, keys and
limits, and changes nothing. The exit code is 1 when something is wrong. It shows where keys come from, but never
the keys.

Options
  --probe    also call each provider (it asks for the list of models, which is free)
  --json     print JSON: { ok, sections: [{ title, findings: [{ level, subject, message, remedy }] }] }
  --help     show this help
`;

const OPTIONS = {
  probe: { type: 'boolean' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

export async function main(args: string[]): Promise<void> {
  const options = parseOptions('doctor', { args, options: OPTIONS }).values;
  if (options.help) {
    console.log(HELP);
    return;
  }
  const sections = await examine(process.env, options.probe ?? false);
  const ok = !sections.some(({ findings }) => findings.some(({ level }) => level === 'bad'));
  if (options.json) console.log(JSON.stringify({ ok, sections }, null, 2));
  else console.log(report(sections, styleFor(process.stdout, process.env)));
  process.exit(ok ? 0 : 1);
}

async function examine(env: Env, probe: boolean): Promise<Section[]> {
  const command = ownCommand(env);
  const { config, findings } = await checkConfiguration(env);
  const sections = [
    { title: 'Runtime', findings: checkRuntime(env, command) },
    { title: 'Settings', findings },
  ];
  if (!config) return sections;
  const storage = checkStorage(config);
  if (storage.length > 0) sections.push({ title: 'Storage', findings: storage });
  sections.push({ title: 'Network', findings: await checkAddress(config, command) });
  const providers = await checkProviders(config, env);
  sections.push({ title: 'Providers', findings: providers.findings });
  if (probe && providers.on.length > 0)
    sections.push({ title: 'Calls to providers', findings: await probeProviders(providers.on) });
  return sections;
}

function report(sections: readonly Section[], style: Style): string {
  const all = sections.flatMap(({ findings }) => findings);
  const width = Math.max(...all.map(({ subject }) => subject.length)) + 2;
  const lines = sections.flatMap(({ title, findings }) => [
    style.bold(title),
    ...findings.flatMap((finding) => linesOf(finding, width, style)),
    '',
  ]);
  return [...lines, verdict(all, style)].join('\n');
}

function linesOf({ level, subject, message, remedy }: Finding, width: number, style: Style): string[] {
  const mark = paint(level, style)(style.signs[level]);
  const line = `  ${mark} ${subject.padEnd(width)}${message}`;
  return remedy === undefined ? [line] : [line, `    ${' '.repeat(width)}${style.dim(remedy)}`];
}

function paint(level: Level, style: Style): (text: string) => string {
  return { ok: style.green, note: style.dim, warn: style.yellow, bad: style.red }[level];
}

function verdict(all: readonly Finding[], style: Style): string {
  const count = (wanted: Level) => all.filter(({ level }) => level === wanted).length;
  const [bad, warn] = [count('bad'), count('warn')];
  const warnings = warn === 0 ? '' : `, ${warn} warning${warn === 1 ? '' : 's'}`;
  if (bad === 0) return style.green(`No problems found${warnings}.`);
  return style.red(`${bad} problem${bad === 1 ? '' : 's'} found${warnings}.`);
}
