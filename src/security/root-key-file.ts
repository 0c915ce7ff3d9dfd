import { chmodSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The root key in the data folder, for clients on the same machine: the gateway's store has only its hash. Only
 * the user of the gateway can read the file. The gateway works without it, so an operator may delete it.
 */
export class RootKeyFile {
  readonly path: string;

  constructor(dataDir: string) {
    this.path = join(dataDir, 'root-key');
  }

  /** Undefined when the file is absent or cannot be read. */
  read(): string | undefined {
    try {
      return readFileSync(this.path, 'utf8').trim() || undefined;
    } catch {
      return undefined;
    }
  }

  /** Replaces the file in one step, so that a reader never gets a part of a key. */
  write(key: string): void {
    const draft = `${this.path}.${process.pid}`;
    writeFileSync(draft, `${key}\n`, { mode: 0o600 });
    // If a killed process left a draft, the draft has kept its own mode.
    chmodSync(draft, 0o600);
    renameSync(draft, this.path);
  }

  remove(): void {
    rmSync(this.path, { force: true });
  }
}
