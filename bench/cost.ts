import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type CurveRow, curveOf } from './cost/curve.ts';
import { pricedModels } from './cost/models.ts';
import { curveTables } from './cost/report.ts';
import { readConversations } from './recall/conversation.ts';

/**
 * What the prompts of long conversations cost, at list prices and with the rules of the providers' prompt caches:
 * `npm run bench:cost -- --data FOLDER [--data FOLDER…] [--only MODEL] [--pause SECONDS] [--json FILE]`. `README.md`
 * describes it.
 */
const { values } = parseArgs({
  options: {
    data: { type: 'string', multiple: true, default: [] },
    only: { type: 'string', default: '' },
    pause: { type: 'string', default: '60' },
    json: { type: 'string' },
  },
});
if (values.data.length === 0) {
  console.error(
    'Usage: npm run bench:cost -- --data FOLDER [--data FOLDER…] [--only MODEL] [--pause SECONDS] [--json FILE]',
  );
  process.exit(1);
}
const conversations = values.data.flatMap(readConversations);
const rows: CurveRow[] = [];
for (const data of new Set(conversations.map((conversation) => conversation.data))) {
  const own = conversations.filter((conversation) => conversation.data === data);
  for (const model of pricedModels().filter(({ name }) => name.includes(values.only))) {
    rows.push(...(await curveOf(data, own, model, 1000 * Number(values.pause))));
  }
}
console.log(curveTables(rows));
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(rows, null, 2)}\n`);
