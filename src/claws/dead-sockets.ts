import { createReadStream } from 'node:fs';
import { readdir, readlink } from 'node:fs/promises';
import { Fault } from '../core/errors.ts';
import { endpointOf } from './http/dial.ts';
import type { Post } from './http/transport.ts';

/**
 * A NAT or a firewall can drop a connection without telling either side. A request on such a half-open connection
 * looks like a silent model. The kernel knows more: it sends the request again and again and gets no acknowledgement.
 * Linux shows this in its tables of TCP connections (docs.kernel.org/networking/proc_net_tcp.html).
 */

/** What the search for dead sockets works with. */
export interface DeadSocketsParts {
  post: Post;
  /** `deadSocketsOfProcess`, or a replacement in tests. */
  read(): Promise<readonly string[]>;
}

/** A request whose reply has no head yet. */
interface Waiting {
  readonly url: string;
  readonly signal: AbortSignal;
  /** On the clock of `performance.now()`. */
  readonly sentAt: number;
}

/** What was known at one moment. */
interface Snapshot {
  /** Without requests that are younger than `YOUNG_MS`. */
  readonly requests: readonly Waiting[];
  /** Remote ends (`endOf`) of dead sockets. Each of them carries at most one request. */
  readonly dead: readonly string[];
}

/** A younger request is not on a dead socket: with the usual timing, five retransmissions take six seconds. */
const YOUNG_MS = 3_000;
/** The tables can be long, so all probes share what was read, for this time. */
const SHARED_MS = 1_000;
/** A pooled connection is closed after five idle minutes (`http/head.ts`). */
const POOLED_MS = 5 * 60_000;

/** Finds requests that wait on dead sockets. Until a request is checked, this only remembers it. */
export class DeadSockets {
  private readonly waiting = new Set<Waiting>();
  private snapshot: Promise<Snapshot> | undefined;
  /** By origin: until when its pooled connections are not used, on the clock of `performance.now()`. */
  private readonly distrusted = new Map<string, number>();

  constructor(private readonly parts: DeadSocketsParts) {}

  /**
   * The `post` of the parts. All requests to providers must use it, because `check` counts them. After a dead socket
   * was found, requests to its origin use new connections, because the pool may hold more dead ones.
   */
  readonly post: Post = async (request) => {
    const { url, signal } = request;
    const waiting = { url, signal, sentAt: performance.now() };
    this.waiting.add(waiting);
    try {
      return await this.parts.post(this.isDistrusted(url) ? { ...request, fresh: true } : request);
    } finally {
      this.waiting.delete(waiting);
    }
  };

  /**
   * Rejects with `provider_unreachable` if the request that was sent with `signal` waits on a dead socket. It is not
   * known which request is on which socket. So this rejects only if there are at least as many dead sockets to the
   * addresses of its host as requests that may use them. Resolves in all other cases, also where nothing can be read.
   */
  readonly check = async (signal: AbortSignal): Promise<void> => {
    const request = [...this.waiting].find((waiting) => waiting.signal === signal);
    if (!request || isYoung(request)) return;
    if (!(await this.isDead(request).catch(() => false))) return;
    throw new Fault(
      'provider_unreachable',
      `The connection to ${new URL(request.url).host} is dead: the kernel has sent the request again ${LEAST_UNANSWERED} ` +
        'times or more without an acknowledgement, while new connections can be opened.',
    );
  };

  private async isDead(request: Waiting): Promise<boolean> {
    this.snapshot ??= this.take();
    const { requests, dead } = await this.snapshot;
    if (dead.length === 0 || !requests.includes(request)) return false;
    const ends = await endsOf(request.url);
    const deadHere = dead.filter((end) => ends.has(end)).length;
    if (deadHere === 0) return false;
    this.distrusted.set(new URL(request.url).origin, performance.now() + POOLED_MS);
    // Several hosts can have the same address.
    let sharing = 0;
    for (const [origin, group] of Map.groupBy(requests, ({ url }) => new URL(url).origin)) {
      if (!ends.isDisjointFrom(await endsOf(origin))) sharing += group.length;
    }
    return deadHere >= sharing;
  }

  private isDistrusted(url: string): boolean {
    if (this.distrusted.size === 0) return false;
    const { origin } = new URL(url);
    const until = this.distrusted.get(origin) ?? 0;
    if (until > performance.now()) return true;
    this.distrusted.delete(origin);
    return false;
  }

  /** The requests are listed before the sockets are read: the request of each dead socket is among them. */
  private async take(): Promise<Snapshot> {
    const requests = [...this.waiting].filter((request) => !isYoung(request));
    try {
      return { requests, dead: await this.parts.read() };
    } finally {
      const forget = () => {
        this.snapshot = undefined;
      };
      setTimeout(forget, SHARED_MS).unref();
    }
  }
}

const isYoung = ({ sentAt }: Waiting): boolean => performance.now() < sentAt + YOUNG_MS;

/** The remote ends that a connection to a URL can have. Resolves its host like a connection does. */
async function endsOf(url: string): Promise<ReadonlySet<string>> {
  const { hostname, port } = endpointOf(new URL(url));
  const found = await Bun.dns.lookup(hostname, { backend: 'system' });
  return new Set(found.map(({ address }) => endOf(address, port)));
}

/** An address in the usual text form and a port, in a form that is the same for each spelling of the address. */
export function endOf(address: string, port: number): string {
  if (!address.includes(':')) {
    return endOfBytes(
      address
        .split('.')
        .map((byte) => Number(byte).toString(16).padStart(2, '0'))
        .join(''),
      port,
    );
  }
  const [before = [], after = []] = address
    .replace(/%.*/, '')
    .split('::')
    .map((side) => side.split(':').filter((group) => group !== ''));
  const zeros = Array<string>(8 - before.length - after.length).fill('0');
  const groups = [...before, ...zeros, ...after];
  return endOfBytes(groups.map((group) => group.toLowerCase().padStart(4, '0')).join(''), port);
}

/** An IPv4-mapped address (RFC 4291, section 2.5.5.2) is the IPv4 address. */
const endOfBytes = (hex: string, port: number): string => `${hex.replace(/^0{20}ffff/, '')}:${port}`;

/** A socket in a kernel table. */
export interface TableSocket {
  /** Its remote end (`endOf`). */
  remote: string;
  inode: string;
}

/** Each retransmission waits twice as long as the one before, so the provider has acknowledged nothing for seconds. */
const LEAST_UNANSWERED = 5;

/**
 * A row of an established socket (`01`) with its remote end, active timer, retransmissions without an acknowledgement
 * (`retrnsmt`, hexadecimal), probes without an answer (`timeout`, decimal) and inode.
 */
const ROW =
  /^ *\d+: [\dA-F]+:[\dA-F]+ ([\dA-F]+):([\dA-F]{4}) 01 [\dA-F]+:[\dA-F]+ (01|04):[\dA-F]+ ([\dA-F]+) +\d+ +(\d+) +(\d+) /gm;

/**
 * The dead sockets in a part of `/proc/net/tcp` or `/proc/net/tcp6` that consists of whole lines. The kernel
 * retransmits (timer 1). If it could not even send the request the first time, because the local address is gone, it
 * tries again with the timer of window probes (4). A living peer answers those.
 */
export function deadSockets(lines: string): TableSocket[] {
  return [...lines.matchAll(ROW)].flatMap(([, address, port, timer, retransmissions, probes, inode]) => {
    const unanswered = timer === '01' ? Number.parseInt(retransmissions!, 16) : Number(probes);
    if (unanswered < LEAST_UNANSWERED) return [];
    return [{ remote: endOfBytes(bytesOf(address!), Number.parseInt(port!, 16)), inode: inode! }];
  });
}

/** The table shows addresses as 32-bit words in the byte order of the machine. Bun runs only on little-endian ones. */
const bytesOf = (words: string): string => words.toLowerCase().replace(/(..)(..)(..)(..)/g, '$4$3$2$1');

const TABLES = ['/proc/net/tcp', '/proc/net/tcp6'];
const DESCRIPTORS = '/proc/self/fd';

/**
 * The remote ends (`endOf`) of this process's dead sockets. Empty where this is not known: on other systems, or where
 * `/proc` is restricted. Reads in small parts, because the tables and the list of descriptors can be long.
 */
export async function deadSocketsOfProcess(): Promise<string[]> {
  const found = (await Promise.all(TABLES.map((table) => readTable(table).catch(() => [])))).flat();
  if (found.length === 0) return [];
  // A socket may occur twice in a table that changes while it is read.
  const remotes = new Map(found.map(({ inode, remote }) => [`socket:[${inode}]`, remote]));
  const own = new Set<string>();
  for (const descriptor of await readdir(DESCRIPTORS).catch(() => [])) {
    // A descriptor may be closed meanwhile.
    own.add(await readlink(`${DESCRIPTORS}/${descriptor}`).catch(() => ''));
  }
  return [...remotes].filter(([link]) => own.has(link)).map(([, remote]) => remote);
}

async function readTable(path: string): Promise<TableSocket[]> {
  const found: TableSocket[] = [];
  let rest = '';
  for await (const chunk of createReadStream(path, { encoding: 'latin1' })) {
    const text = rest + chunk;
    const end = text.lastIndexOf('\n') + 1;
    found.push(...deadSockets(text.slice(0, end)));
    rest = text.slice(end);
  }
  return found;
}
