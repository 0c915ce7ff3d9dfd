/**
 * A process that begins to inherit in the data folder named on the command line and does not get further than
 * the registry, which never answers. Prints `removing` when it waits there, and stays until it is killed.
 */
import { MemoryStore } from '../../../src/stores/memory/store.ts';
import { startFileProcess } from '../shared-journals.ts';

class Hanging extends MemoryStore {
  override remove(): Promise<void> {
    console.log('removing');
    return new Promise(() => {});
  }
}

const [dataDir = ''] = process.argv.slice(2);
const { journal } = await startFileProcess(dataDir, new Hanging());
void journal.inherit();
await Bun.sleep(60_000);
