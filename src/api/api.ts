import type { Directory, ModelLimits } from '../core/directory.ts';
import type { Seal } from '../core/seal.ts';
import { type Asker, isUsable, usableNames } from '../routing/choose.ts';
import type { TurnPath } from '../turn/path.ts';
import { type Admin, type AdminParts, openAdmin } from './admin/admin.ts';
import { Completions } from './completions.ts';
import { Conversations } from './conversations.ts';
import { EmbeddingsApi } from './embeddings.ts';
import { Pins } from './pins.ts';
import { Responses } from './responses.ts';
import { Turns } from './turns.ts';
import { Values } from './values.ts';

/** Everything that a caller may do, once for all dialects: the only way from `http/` to the sessions. */
export interface Api {
  turns: Turns;
  responses: Responses;
  completions: Completions;
  conversations: Conversations;
  values: Values;
  pins: Pins;
  /** Only for callers with the root key. */
  admin: Admin;
  /** What can be called now. */
  models: {
    /** The names that a key may use. */
    names(asker: Asker): string[];
    /** Whether a key may use a name that no list has. */
    has(name: string, asker: Asker): boolean;
    /** What is known of the model of a name `provider/model`; nothing of other names. */
    limits(name: string): ModelLimits;
  };
  embeddings: EmbeddingsApi;
  /** Seals reasoning for a caller that keeps its own state. */
  seal: Seal;
}

export function openApi(path: TurnPath, admin: AdminParts): Api {
  const pins = new Pins(path);
  return {
    turns: new Turns(path),
    responses: new Responses(path),
    completions: new Completions(path),
    conversations: new Conversations(path),
    values: new Values(path),
    pins,
    admin: openAdmin(path, admin, pins),
    embeddings: new EmbeddingsApi(path),
    models: {
      names: (asker) => usableNames(asker, path.directory),
      has: (name, asker) => isUsable(name, asker, path.directory),
      limits: (name) => limitsOf(name, path.directory),
    },
    seal: (thought, tenant) => path.seals.seal(thought, tenant),
  };
}

function limitsOf(name: string, directory: Directory): ModelLimits {
  const slash = name.indexOf('/');
  return slash === -1 ? {} : directory.limits(name.slice(0, slash), name.slice(slash + 1));
}
