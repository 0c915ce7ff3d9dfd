import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { readConversations } from './recall/conversation.ts';
import { recallTables } from './recall/report.ts';
import { measure } from './recall/rows.ts';

/**
 * How much of what a question needs is found in the past of a conversation, without a model:
 * `npm run bench:recall -- --data FOLDER [--data FOLDER…] [--json FILE]`. `README.md` describes it.
 */
const { values } = parseArgs({
  options: { data: { type: 'string', multiple: true, default: [] }, json: { type: 'string' } },
});
if (values.data.length === 0) {
  console.error('Usage: npm run bench:recall -- --data FOLDER [--data FOLDER…] [--json FILE]');
  process.exit(1);
}
const scores = measure(values.data.flatMap(readConversations));
console.log(recallTables(scores));
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(scores.rows, null, 2)}\n`);
