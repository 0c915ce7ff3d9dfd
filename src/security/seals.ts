import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import type { Tenant } from '../core/request.ts';
import { isSeal, SEAL_PREFIX, type Thought } from '../core/seal.ts';
import type { SealKey, SealKeyStore } from './seal-key-store.ts';

/**
 * Milliseconds between two readings of the keys because of an unknown id. Clients can invent ids, so there is a
 * limit.
 */
const UNKNOWN_ID_EVERY_MS = 1_000;

const CIPHER = 'aes-256-gcm';
const NONCE_LENGTH = 12;
const TAG_LENGTH = 16;

/**
 * Seals and opens reasoning with AES-256-GCM. A seal is `clawhold-seal.<key id>.<base64url of nonce, ciphertext
 * and tag>`. It opens only for the tenant that it was made for (additional authenticated data). The provider is in
 * the plaintext.
 *
 * The nonce is derived from the content, with a key of its own (the idea of RFC 8452): a stream that is replayed must
 * be the same to the byte, and a random nonce would change it. Only equal content of one tenant has an equal nonce.
 */
export class Seals {
  /** By id. */
  private keys: ReadonlyMap<string, OpenedKey> = new Map();
  private newest!: OpenedKey;
  private refreshedAt = Number.NEGATIVE_INFINITY;
  /** The last reading of the keys because of an unknown id. */
  private refreshing: Promise<void> = Promise.resolve();

  private constructor(
    private readonly store: SealKeyStore,
    private readonly clock: Clock,
  ) {}

  /** Makes the first key if the store has none. */
  static async open(store: SealKeyStore, clock: Clock): Promise<Seals> {
    const seals = new Seals(store, clock);
    if ((await store.sealKeys()).length === 0) await store.addSealKey(newSealKey(clock()));
    await seals.refresh();
    return seals;
  }

  /** Reads the keys from the store: another process may have added one. */
  async refresh(): Promise<void> {
    const keys = (await this.store.sealKeys()).map(openedKey);
    this.keys = new Map(keys.map((key) => [key.id, key]));
    this.newest = keys.at(-1)!;
  }

  /** Adds a key, which makes all seals from now on. Earlier keys still open their seals. Resolves to its id. */
  async rotate(): Promise<string> {
    // The new key must be the newest, even if the clock was set back.
    const key = newSealKey(Math.max(this.clock(), this.newest.createdAt + 1));
    await this.store.addSealKey(key);
    await this.refresh();
    return key.id;
  }

  /**
   * Reads the keys from the store if one of the seals has an unknown key; at most once a second. Never rejects:
   * a seal that cannot be opened is left out.
   */
  async refreshFor(texts: readonly string[]): Promise<void> {
    const isKnown = (text: string) => !isSeal(text) || this.keys.has(partsOf(text).id);
    if (texts.every(isKnown)) return;
    const now = performance.now();
    if (now >= this.refreshedAt + UNKNOWN_ID_EVERY_MS) {
      this.refreshedAt = now;
      this.refreshing = this.refresh().catch(() => {});
    }
    await this.refreshing;
  }

  seal(thought: Thought, tenant: Tenant): string {
    const { id, cipherKey, nonceKey } = this.newest;
    const plain = JSON.stringify(thought);
    const digest = createHmac('sha256', nonceKey).update(tenant).update('\0').update(plain).digest();
    const nonce = digest.subarray(0, NONCE_LENGTH);
    const cipher = createCipheriv(CIPHER, cipherKey, nonce);
    cipher.setAAD(Buffer.from(tenant));
    const sealed = [nonce, cipher.update(plain, 'utf8'), cipher.final()];
    return `${SEAL_PREFIX}${id}.${Buffer.concat([...sealed, cipher.getAuthTag()]).toString('base64url')}`;
  }

  /** `undefined` if the key is unknown, the text is damaged, or the seal was made for another tenant. */
  open(text: string, tenant: Tenant): Thought | undefined {
    const { id, data } = partsOf(text);
    const key = this.keys.get(id);
    const bytes = Buffer.from(data, 'base64url');
    if (!key || bytes.length < NONCE_LENGTH + TAG_LENGTH) return undefined;
    const decipher = createDecipheriv(CIPHER, key.cipherKey, bytes.subarray(0, NONCE_LENGTH));
    decipher.setAAD(Buffer.from(tenant));
    decipher.setAuthTag(bytes.subarray(-TAG_LENGTH));
    try {
      const plain = decipher.update(bytes.subarray(NONCE_LENGTH, -TAG_LENGTH), undefined, 'utf8');
      return JSON.parse(plain + decipher.final('utf8')) as Thought;
    } catch {
      return undefined;
    }
  }
}

/** A key, and the keys that are derived from its secret. */
interface OpenedKey extends SealKey {
  cipherKey: Uint8Array;
  nonceKey: Uint8Array;
}

function openedKey(key: SealKey): OpenedKey {
  const derived = (use: string) => createHmac('sha256', key.secret).update(use).digest();
  return { ...key, cipherKey: derived('cipher'), nonceKey: derived('nonce') };
}

function partsOf(text: string): { id: string; data: string } {
  const dot = text.indexOf('.', SEAL_PREFIX.length);
  return { id: text.slice(SEAL_PREFIX.length, dot), data: text.slice(dot + 1) };
}

/** Eight hexadecimal digits are enough to distinguish the keys of one store. */
function newSealKey(createdAt: number): SealKey {
  const id = Buffer.from(crypto.getRandomValues(new Uint8Array(4))).toString('hex');
  return { id, secret: crypto.getRandomValues(new Uint8Array(32)), createdAt };
}
