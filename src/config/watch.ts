import { statSync } from 'node:fs';
import { stat } from 'node:fs/promises';

const CHECK_EVERY_MS = 500;

/**
 * Calls `changed` when one of the files has another content, inode or target of its link, and has stayed the same
 * for one more check: a file that is being written is not read. A check follows links of any depth (a ConfigMap of
 * Kubernetes is a link to a link), and works where file systems report no events (network mounts, containers). A
 * file that is missing is no change: many programs delete a file before they write it.
 */
export function watchFiles(paths: readonly string[], changed: () => void): { close(): void } {
  let reported = paths.map((path) => identityOf(() => statSync(path, { bigint: true })));
  let last = reported;
  const check = async () => {
    const now = await Promise.all(
      paths.map(async (path) => {
        const found = await stat(path, { bigint: true }).catch(() => undefined);
        return identityOf(() => found);
      }),
    );
    const isStable = isSame(now, last);
    last = now;
    if (!isStable || isSame(now, reported) || now.every((identity) => identity === undefined)) return;
    reported = now;
    changed();
  };
  const timer = setInterval(check, CHECK_EVERY_MS);
  timer.unref();
  return { close: () => clearInterval(timer) };
}

type Stats = Record<'dev' | 'ino' | 'size' | 'mtimeNs' | 'ctimeNs', bigint>;

/** Undefined for a file that cannot be found. */
function identityOf(read: () => Stats | undefined): string | undefined {
  try {
    const found = read();
    return found && [found.dev, found.ino, found.size, found.mtimeNs, found.ctimeNs].join(' ');
  } catch {
    return undefined;
  }
}

const isSame = (one: readonly unknown[], other: readonly unknown[]): boolean =>
  one.every((identity, index) => identity === other[index]);
