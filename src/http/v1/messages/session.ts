import { isObject } from '../../../core/json.ts';

/** In characters; no id of a conversation is longer. A pattern takes long for a long text. */
const LONGEST = 1_024;

const SESSION = /^[0-9a-f-]{36}$/i;
const IN_TEXT = /^(user_\S*_account_\S*)_session_([0-9a-f-]{36})$/i;

/** What `metadata.user_id` says. */
export interface NamedUser {
  /** The user, also for limits: without the session. */
  user: string;
  /** The id of a conversation of Claude Code: the same id that its header `x-claude-code-session-id` has. */
  session?: string;
}

/**
 * Older versions of Claude Code send `user_<hash>_account_<uuid>_session_<uuid>`, newer ones a JSON object with
 * `session_id`. Any other text names a user alone.
 */
export function namedUser(userId: string): NamedUser {
  if (userId.length > LONGEST) return { user: userId };
  const [, user, session] = IN_TEXT.exec(userId) ?? [];
  if (user !== undefined) return { user, session };
  return (userId.startsWith('{') ? inJson(userId) : undefined) ?? { user: userId };
}

function inJson(text: string): NamedUser | undefined {
  try {
    const fields: unknown = JSON.parse(text);
    if (!isObject(fields)) return undefined;
    const { session_id, ...others } = fields;
    const isSession = typeof session_id === 'string' && SESSION.test(session_id);
    return isSession ? { user: JSON.stringify(others), session: session_id } : undefined;
  } catch {
    return undefined;
  }
}
