import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { readConversations } from './recall/conversation.ts';
import { embeddingOf } from './recall/embeddings.ts';
import { hybridMethods, METHODS } from './recall/methods.ts';
import { recallTables } from './recall/report.ts';
import { measure } from './recall/rows.ts';

/**
 * How much of what a question needs is found in the past of a conversation, without a model:
 * `npm run bench:recall -- --data FOLDER [--data FOLDER…] [--embeddings MODEL] [--json FILE]`.
 * `README.md` describes it.
 */
const { values } = parseArgs({
  options: {
    data: { type: 'string', multiple: true, default: [] },
    embeddings: { type: 'string', default: process.env.CLAWHOLD_CONTEXT_EMBEDDINGS },
    json: { type: 'string' },
  },
});
if (values.data.length === 0) {
  console.error(
    'Usage: npm run bench:recall -- --data FOLDER [--data FOLDER…] [--embeddings MODEL] [--json FILE]',
  );
  process.exit(1);
}
const hybrid = values.embeddings === undefined ? [] : hybridMethods(await embeddingOf(values.embeddings));
const scores = await measure(values.data.flatMap(readConversations), [...METHODS, ...hybrid]);
console.log(recallTables(scores));
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(scores.rows, null, 2)}\n`);
// Timers of the claws may still run.
process.exit(0);
