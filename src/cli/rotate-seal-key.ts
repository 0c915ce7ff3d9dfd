import { rotateSealKey } from '../main.ts';
import { loadSettings } from './settings.ts';

const HELP = `clawhold rotate-seal-key: make a new key for sealed reasoning

Clients that keep their own conversation get the reasoning of models sealed, and send it back. From now on it is sealed
with the new key; what older keys have sealed still opens. Running gateways with the same data folder use the new key
within five minutes, or at once after SIGHUP.
`;

export async function main(args: string[]): Promise<void> {
  if (args.includes('--help') || args.includes('-h')) {
    console.log(HELP);
    return;
  }
  if (args.length > 0)
    throw new Error(`There is no option "${args[0]}". Try: clawhold rotate-seal-key --help`);
  const config = await loadSettings();
  if (config.storage.kind === 'memory')
    throw new Error('With the storage "memory", each start makes a new key: there is none to rotate.');
  console.log(`The new key is ${await rotateSealKey(config)}.`);
}
