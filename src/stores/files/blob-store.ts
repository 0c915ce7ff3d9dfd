import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Fault } from '../../core/errors.ts';
import type { Tenant } from '../../core/turn.ts';
import type { BlobStore } from '../../session/store.ts';
import { pathName } from './path-name.ts';

const HASH = /^[0-9a-f]{64}$/;

/** Blobs as compressed files: `<dataDir>/blobs/<tenant>/<first two digits of the hash>/<hash>`. */
export class FileBlobStore implements BlobStore {
  private readonly directory: string;

  constructor(dataDir: string) {
    this.directory = join(dataDir, 'blobs');
  }

  async putBlob(tenant: Tenant, content: string): Promise<string> {
    const bytes = new TextEncoder().encode(content);
    const hash = await sha256(bytes);
    const path = this.pathOf(tenant, hash);
    try {
      // One that is there may be damaged, and one that is whole may not have reached the disk yet.
      if ((await read(path, hash)) === undefined) await write(path, await Bun.zstdCompress(bytes));
      await sync(dirname(path));
    } catch (cause) {
      throw new Fault('store_unavailable', `The blob store failed: ${(cause as Error).message}`, { cause });
    }
    return hash;
  }

  async getBlob(tenant: Tenant, hash: string): Promise<string | undefined> {
    if (!HASH.test(hash)) return undefined;
    try {
      const bytes = await read(this.pathOf(tenant, hash), hash);
      return bytes && new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
    } catch (cause) {
      throw new Fault('store_unavailable', `The blob store failed: ${(cause as Error).message}`, { cause });
    }
  }

  private pathOf(tenant: Tenant, hash: string): string {
    return join(this.directory, pathName(tenant), hash.slice(0, 2), hash);
  }
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return Buffer.from(await crypto.subtle.digest('SHA-256', bytes)).toString('hex');
}

/** The content of a blob, or `undefined` when it is missing or damaged. */
async function read(path: string, hash: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  let compressed: Uint8Array<ArrayBuffer>;
  try {
    compressed = await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const content = await Bun.zstdDecompress(compressed).catch(() => undefined);
  if (!content) return undefined;
  const bytes = new Uint8Array(content.buffer as ArrayBuffer, content.byteOffset, content.byteLength);
  return (await sha256(bytes)) === hash ? bytes : undefined;
}

async function write(path: string, bytes: Uint8Array): Promise<void> {
  const created = await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${crypto.randomUUID()}`;
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  if (created === undefined) return;
  // New folders are entries of the ones above them, up to the first that was there before.
  for (let folder = dirname(path); folder !== dirname(created); folder = dirname(folder))
    await sync(dirname(folder));
}

async function sync(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
