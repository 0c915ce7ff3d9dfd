import { relative } from 'node:path';
import type { Config } from '../config/config.ts';
import { RootKeyFile } from '../security/root-key-file.ts';

export interface KeptRootKey {
  key: string;
  /** Relative to the working directory, if the file is below it. */
  path: string;
}

/** The root key that a gateway wrote into the configured data folder. Undefined when there is no such file. */
export function keptRootKey({
  storage,
  dataDir,
}: Pick<Config, 'storage' | 'dataDir'>): KeptRootKey | undefined {
  // A gateway with its storage in memory writes no file, so an existing file belongs to another gateway.
  if (storage.kind === 'memory') return undefined;
  const file = new RootKeyFile(dataDir);
  const key = file.read();
  return key === undefined ? undefined : { key, path: shortPath(file.path) };
}

/** A path relative to the working directory, if it is below it. */
export function shortPath(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith('..') ? path : `./${short}`;
}
