import { isObject } from '../../../core/json.ts';

const SESSION = /^[0-9a-f-]{36}$/i;
const IN_TEXT = /^user_[^\s]*_account_[^\s]*_session_([0-9a-f-]{36})$/i;

/**
 * The id of a conversation of Claude Code in `metadata.user_id`: the same id that its header
 * `x-claude-code-session-id` has. Older versions send `user_<hash>_account_<uuid>_session_<uuid>`, newer ones a
 * JSON object with `session_id`. `undefined` for any other text.
 */
export function sessionOfClaudeCode(userId: string | null | undefined): string | undefined {
  if (!userId) return undefined;
  const inText = IN_TEXT.exec(userId)?.[1];
  if (inText !== undefined || !userId.startsWith('{')) return inText;
  try {
    const fields: unknown = JSON.parse(userId);
    const id = isObject(fields) ? fields.session_id : undefined;
    return typeof id === 'string' && SESSION.test(id) ? id : undefined;
  } catch {
    return undefined;
  }
}
