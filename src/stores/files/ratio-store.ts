import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KeptRatio, KeptRatios, RatioStore } from '../../context/ratio-store.ts';

/** Callers may name any model, so there are more names than models that matter. */
const MOST_MODELS = 1_024;

/** Another decimal says nothing about a model. */
const PRECISION = 1e4;

/** Token ratios in one file of the data folder, `token-ratios.json`. It can be deleted at any time. */
export class FileRatioStore implements RatioStore {
  private constructor(
    private readonly path: string,
    readonly earlier: KeptRatios,
  ) {}

  static async open(dataDir: string): Promise<FileRatioStore> {
    const path = join(dataDir, 'token-ratios.json');
    return new FileRatioStore(path, await ratiosIn(path));
  }

  /** Another process that writes in the same moment may win: the models of this one are kept when they change again. */
  async keepRatios(changed: KeptRatios): Promise<void> {
    const models = new Map(await ratiosIn(this.path));
    for (const [name, { ratios, safe }] of changed) {
      models.delete(name);
      models.set(name, { ratios: ratios.map((ratio) => Math.round(ratio * PRECISION) / PRECISION), safe });
    }
    const latest = [...models].slice(-MOST_MODELS);
    const written = `${this.path}.${process.pid}`;
    await writeFile(written, JSON.stringify(Object.fromEntries(latest)), { mode: 0o600 });
    await rename(written, this.path);
  }
}

async function ratiosIn(path: string): Promise<KeptRatios> {
  try {
    const models: unknown = JSON.parse(await readFile(path, 'utf8'));
    return new Map(Object.entries(models as object).filter((entry) => isKept(entry[1])));
  } catch {
    return new Map();
  }
}

const isKept = (kept: unknown): kept is KeptRatio => {
  const { ratios, safe } = (kept ?? {}) as Partial<KeptRatio>;
  return Array.isArray(ratios) && ratios.every(isRatio) && isRatio(safe);
};

const isRatio = (value: unknown): boolean => typeof value === 'number' && value > 0 && Number.isFinite(value);
