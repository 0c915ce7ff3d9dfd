import { startBare } from './peers/bare.ts';
import { haveNginx, NGINX_MISSING, startNginx } from './peers/nginx.ts';
import { havePortkey, PORTKEY_MISSING, PORTKEY_NOTE, portkeyHeaders, startPortkey } from './peers/portkey.ts';
import { type Gateway, ROOT_KEY, type Server, startGateway } from './processes.ts';
import type { Bench } from './row.ts';

/** One of the programs that are compared. All are measured in the same rounds. */
export interface Subject {
  name: string;
  server: Server;
  /** The name of the model for this subject. */
  model(model: string): string;
  headers: Record<string, string>;
}

export interface Subjects {
  /** The simulator without a program between. */
  direct: Subject;
  nginx?: Subject;
  clawhold: Subject;
  portkey?: Subject;
  all: Subject[];
  /** Which peers are missing, and how the others are set up. */
  notes: string[];
  stop(): Promise<void>;
}

const sameName = (model: string) => model;
const key = { authorization: 'Bearer sk-simulated' };

export async function startSubjects({ simulator, peers }: Bench): Promise<Subjects> {
  const notes: string[] = [];
  const gateway: Gateway = await startGateway({ provider: simulator.port });
  const direct: Subject = { name: 'direct', server: simulator, model: sameName, headers: key };
  const bare: Subject = {
    name: 'Bun alone',
    server: await startBare(simulator.port),
    model: sameName,
    headers: key,
  };
  const clawhold: Subject = {
    name: 'Clawhold',
    server: gateway,
    model: (model) => `openai/${model}`,
    headers: { authorization: `Bearer ${ROOT_KEY}` },
  };
  let nginx: Subject | undefined;
  if (!peers) notes.push('Measured without peers.');
  else if (await haveNginx()) {
    nginx = { name: 'nginx', server: await startNginx(simulator.port), model: sameName, headers: key };
  } else notes.push(NGINX_MISSING);
  let portkey: Subject | undefined;
  if (peers && (await havePortkey())) {
    const headers = { ...key, ...portkeyHeaders(simulator.port) };
    portkey = { name: 'Portkey', server: await startPortkey(), model: sameName, headers };
    notes.push(PORTKEY_NOTE);
  } else if (peers) notes.push(PORTKEY_MISSING);
  const all = [direct, nginx, bare, clawhold, portkey].filter((subject) => subject !== undefined);
  return {
    direct,
    nginx,
    clawhold,
    portkey,
    all,
    notes,
    async stop() {
      for (const subject of all) if (subject !== direct) await subject.server.stop();
    },
  };
}
