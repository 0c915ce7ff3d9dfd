import { cpus, release, totalmem } from 'node:os';
import { haveNginx, nginxVersion } from './peers/nginx.ts';

/** The facts about the machine on which the figures were measured. */
export async function machine(): Promise<string[]> {
  const processors = cpus();
  return [
    `CPU: ${processors[0]?.model.trim() ?? 'unknown'}, ${processors.length} cores`,
    `memory: ${Math.round(totalmem() / 2 ** 30)} GiB`,
    `system: ${process.platform} ${release()} ${process.arch}`,
    `Bun ${Bun.version}, Node.js ${await nodeVersion()}, ${(await haveNginx()) ? await nginxVersion() : 'no nginx'}`,
  ];
}

async function nodeVersion(): Promise<string> {
  if (!Bun.which('node')) return 'absent';
  return (await new Response(Bun.spawn(['node', '--version']).stdout).text()).trim();
}
