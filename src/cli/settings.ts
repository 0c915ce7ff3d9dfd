import { loadCatalogue } from '../claws/catalogue/catalogue.ts';
import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';

/** The configuration of this working directory and environment, checked against the known providers. */
export function loadSettings(): Promise<Config> {
  const providers = loadCatalogue().providers.flatMap(({ id, aliases }) => [id, ...(aliases ?? [])]);
  return loadConfig({ cwd: process.cwd(), env: process.env, providers: [...providers, 'local'] });
}
