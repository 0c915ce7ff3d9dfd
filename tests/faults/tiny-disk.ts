import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '../harness/gateway.ts';

/** A small file system in memory that a test can fill. */
export class TinyDisk {
  private constructor(readonly path: string) {}

  /** Returns undefined if this user may not mount. */
  static mount(path: string, kilobytes: number): TinyDisk | undefined {
    mkdirSync(path, { recursive: true });
    const { success } = Bun.spawnSync(['mount', '-t', 'tmpfs', '-o', `size=${kilobytes}k`, 'tmpfs', path]);
    return success ? new TinyDisk(path) : undefined;
  }

  static get possible(): boolean {
    if (!Bun.which('mount')) return false;
    const path = temporaryDirectory();
    const disk = TinyDisk.mount(path, 16);
    disk?.unmount();
    rmSync(path, { recursive: true });
    return disk !== undefined;
  }

  /** Fills the disk completely. */
  fill(): void {
    const file = openSync(join(this.path, 'filler'), 'a');
    try {
      for (;;) writeSync(file, new Uint8Array(4096));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    } finally {
      closeSync(file);
    }
  }

  free(): void {
    rmSync(join(this.path, 'filler'));
  }

  makeReadOnly(): void {
    Bun.spawnSync(['mount', '-o', 'remount,ro', this.path]);
  }

  unmount(): void {
    Bun.spawnSync(['umount', '-l', this.path]);
  }
}
