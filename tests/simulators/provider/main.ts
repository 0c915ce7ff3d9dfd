import { parseArgs } from 'node:util';
import { startProvider } from './provider.ts';

const { values } = parseArgs({
  options: { port: { type: 'string', default: '0' }, keep: { type: 'string', default: '1000' } },
});
const provider = startProvider({ port: Number(values.port), keep: Number(values.keep) });
console.log(`listening on ${provider.url}`);
