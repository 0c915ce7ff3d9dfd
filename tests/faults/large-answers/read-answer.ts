import { HttpClient } from '../../../src/claws/http/client.ts';
import { httpClaw } from '../../../src/claws/http-claw.ts';
import { openaiChat } from '../../../src/claws/openai-chat/protocol.ts';
import { faultOf } from '../../../src/core/errors.ts';
import { answerLimits } from '../../harness/answer-limits.ts';
import { peakMebibytes } from '../../harness/process-memory.ts';

/** Reads one answer of the provider at the URL of the first argument and prints what it took, as JSON. */
const claw = httpClaw({
  provider: { id: 'p', baseUrl: process.argv[2]!, quirks: {} },
  protocol: openaiChat,
  post: new HttpClient({ connectMs: () => 1_000 }).post,
  reach: async () => {},
  limits: answerLimits,
  redact: (text) => text,
});
const prompt = {
  model: 'm',
  items: [],
  settings: {},
  stream: process.argv[3] === 'stream',
  dialect: openaiChat.name,
  extra: {},
};
const from = performance.now();
let failure: unknown;
try {
  for await (const _ of claw.call(prompt, new AbortController().signal));
} catch (error) {
  failure = error;
}
console.log(
  JSON.stringify({
    code: failure && faultOf(failure).code,
    ms: performance.now() - from,
    mebibytes: peakMebibytes(),
  }),
);
