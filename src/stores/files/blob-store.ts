import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Fault } from '../../core/errors.ts';
import type { SessionId } from '../../core/ids.ts';
import type { Tenant } from '../../core/request.ts';
import type { BlobOwner, BlobStore } from '../../session/blob-store.ts';
import { pathName } from './path-name.ts';

const HASH = /^[0-9a-f]{64}$/;

/**
 * Blobs as compressed files: `<dataDir>/blobs/<tenant>/<last two characters of the session>/<session>/<hash>`.
 *
 * Version 0.1 kept one copy for all sessions of a tenant, `blobs/<tenant>/<first two digits>/<hash>`. Such a
 * copy is still read for every session of its tenant, and never deleted: no file says which sessions need it.
 */
export class FileBlobStore implements BlobStore {
  private readonly directory: string;

  constructor(dataDir: string) {
    this.directory = join(dataDir, 'blobs');
  }

  async putBlob(owner: BlobOwner, bytes: Uint8Array): Promise<string> {
    return attempt(async () => {
      const hash = await sha256(bytes);
      const path = this.pathOf(owner, hash);
      // A file that is there may be damaged, and one that is whole may not have reached the disk yet.
      if ((await read(path, hash)) === undefined) await write(path, await Bun.zstdCompress(bytes));
      await sync(dirname(path));
      return hash;
    });
  }

  async getBlob(owner: BlobOwner, hash: string): Promise<Uint8Array | undefined> {
    if (!HASH.test(hash)) return undefined;
    const { tenant } = owner;
    return attempt(
      async () => (await read(this.pathOf(owner, hash), hash)) ?? read(this.oldPathOf(tenant, hash), hash),
    );
  }

  async deleteBlob(owner: BlobOwner, hash: string): Promise<void> {
    if (!HASH.test(hash)) return;
    await attempt(() => remove(this.pathOf(owner, hash)));
  }

  async erase(tenant: Tenant, session: SessionId): Promise<void> {
    await attempt(() => remove(this.folderOf({ tenant, session })));
  }

  private pathOf(owner: BlobOwner, hash: string): string {
    return join(this.folderOf(owner), hash);
  }

  private folderOf({ tenant, session }: BlobOwner): string {
    const name = pathName(session);
    return join(this.directory, pathName(tenant), name.slice(-2), name);
  }

  private oldPathOf(tenant: Tenant, hash: string): string {
    return join(this.directory, pathName(tenant), hash.slice(0, 2), hash);
  }
}

async function attempt<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new Fault('store_unavailable', `The blob store failed: ${(cause as Error).message}`, { cause });
  }
}

/** On another thread, because blobs may be large. */
async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>);
  return Buffer.from(digest).toString('hex');
}

/** The content of a blob, or `undefined` when it is missing or damaged. */
async function read(path: string, hash: string): Promise<Uint8Array | undefined> {
  let compressed: Uint8Array<ArrayBuffer>;
  try {
    compressed = await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const content = await Bun.zstdDecompress(compressed).catch(() => undefined);
  return content && (await sha256(content)) === hash ? content : undefined;
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

/** Removes a file or a folder, if it is there, and makes sure that it does not come back after a power cut. */
async function remove(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
  await sync(dirname(path)).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}

async function sync(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
