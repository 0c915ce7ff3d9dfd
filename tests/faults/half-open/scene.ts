/**
 * Runs in a network namespace of its own (`unshare -rn`), with two arguments: how connections are cut (`drop` or
 * `address`), and `stream` or `json`. Prints a `SceneResult` as JSON.
 */
import { dictatedProvider } from '../../harness/dictated.ts';
import { testGateway } from '../../harness/gateway.ts';

/** What a caller got, and when the reply was complete, in milliseconds since the start. */
export interface SceneReply {
  status: number;
  text: string;
  ms: number;
}

export interface SceneResult {
  /** Two calls that were sent on dead connections, while the pool held a third one. */
  dead: SceneReply[];
  /** A call to a silent model on a living connection, sent shortly before. */
  beside: SceneReply;
  /** A call to a silent model, sent when the dead connections had been found. */
  after: SceneReply;
  /** The questions that the provider received, in order. */
  arrived: string[];
}

const PROVIDER = '10.9.9.1';
/** The gateway's address at first. */
const OLD_SOURCE = '10.9.9.9';
const PROBE_MS = 1_000;
/** Much longer than the scene: only a probe ends a silence. */
const PATIENCE_MS = '600000';
/** Longer than the kernel needs for five retransmissions, and two probes. */
const SILENCE_MS = 12_000;
const FIRST_MS = 1_000;
/** How long the provider is silent before it answers. */
const PAUSES_MS: Record<string, number> = { first: FIRST_MS, dead: 0, beside: SILENCE_MS, after: SILENCE_MS };

const [cut, form] = Bun.argv.slice(2);

function run(command: string): void {
  const { exitCode, stderr } = Bun.spawnSync(['sh', '-ec', command]);
  if (exitCode !== 0) throw new Error(`${command}: ${stderr.toString()}`);
}

/** New connections to the provider come from this address. */
const connectFrom = (source: string) =>
  run(`ip route replace local ${PROVIDER} dev lo table local src ${source}`);

run(`
  ip link set lo up
  echo 0 > /proc/sys/net/ipv4/conf/lo/disable_policy
  ip addr add ${PROVIDER}/32 dev lo
  ip addr add ${OLD_SOURCE}/32 dev lo
`);
connectFrom(OLD_SOURCE);

const CUTS: Record<string, () => void> = {
  // A firewall drops the packets, and tells neither side.
  drop: () =>
    run(`
      ip xfrm policy add src ${OLD_SOURCE} dst ${PROVIDER} dir in action block
      ip xfrm policy add src ${PROVIDER} dst ${OLD_SOURCE} dir in action block
    `),
  // The gateway's machine has got another address.
  address: () => run(`ip addr del ${OLD_SOURCE}/32 dev lo`),
};

const provider = dictatedProvider(PROVIDER);
const arrived: string[] = [];
provider.answerAutomatically(async (call) => {
  const question = /dead|beside|after|first/.exec(JSON.stringify(call.body))![0];
  arrived.push(question);
  await Bun.sleep(PAUSES_MS[question]!);
  call.say(`answer to ${question}`);
  call.end();
});

const gateway = await testGateway({
  env: {
    ...provider.env,
    CLAWHOLD_TIMEOUTS_PROBE_MS: String(PROBE_MS),
    CLAWHOLD_TIMEOUTS_SIGN_OF_LIFE_MS: PATIENCE_MS,
    CLAWHOLD_TIMEOUTS_IDLE_MS: PATIENCE_MS,
    CLAWHOLD_TIMEOUTS_FIRST_TOKEN_MS: PATIENCE_MS,
    CLAWHOLD_TIMEOUTS_TOTAL_MS: PATIENCE_MS,
  },
});

setTimeout(() => {
  console.error('The scene did not end.');
  process.exit(1);
}, 60_000);

async function ask(question: string): Promise<SceneReply> {
  const reply = await gateway.post('/v1/chat/completions', {
    model: 'groq/dictated',
    messages: [{ role: 'user', content: question }],
    stream: form === 'stream',
  });
  const text = await reply.text();
  return { status: reply.status, text, ms: Math.round(performance.now()) };
}

const first = [ask('first'), ask('first'), ask('first')];
await Bun.sleep(FIRST_MS / 2);
connectFrom(PROVIDER);
const beside = ask('beside');
await Promise.all(first);
CUTS[cut!]!();
const dead = await Promise.all([ask('dead'), ask('dead')]);
const after = await ask('after');
const result: SceneResult = { dead, beside: await beside, after, arrived };
console.log(JSON.stringify(result));
await gateway.stop();
process.exit();
