import { changedSettings } from '../config/changes.ts';
import { type Config, restartNeeded } from '../config/config.ts';
import { ConfigError } from '../config/problems.ts';
import type { Emit } from '../core/events.ts';
import { oneAtATime } from '../core/one-at-a-time.ts';
import type { Reload } from '../core/reload.ts';

export interface ReloadParts {
  /** The configuration that the gateway started with. */
  started: Config;
  /** The settings of a new configuration that take effect only at the next start. Absent: all that say so. */
  restart?(next: Config): string[];
  /** Reads the configuration again. Rejects with a `ConfigError` for one with mistakes. */
  load(): Promise<Config>;
  apply(next: Config): Promise<void>;
  emit: Emit;
}

/**
 * Reads the configuration again and puts it into effect, one reload at a time. Calls that come during a reload
 * share one further reload, which reads what is newest.
 */
export function reloader({
  started,
  restart: restartOf,
  load,
  apply,
  emit,
}: ReloadParts): () => Promise<Reload> {
  let current = started;
  const reload = async (): Promise<Reload> => {
    let next: Config;
    try {
      next = await load();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      return { state: 'rejected', problems: error.problems };
    }
    const restart = restartOf?.(next) ?? restartNeeded(started, next);
    const changed = changedSettings(current, next).filter((name) => !restart.includes(name));
    await apply(next);
    current = next;
    return { state: 'applied', changed, restart };
  };
  return oneAtATime(async () => {
    const result = await reload();
    emit({ type: 'configuration-read', result });
    return result;
  });
}
