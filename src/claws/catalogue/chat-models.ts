const OTHER_TASK = /embed|rerank|whisper|transcribe|moderation|(^|[-_/])(tts|stt|asr|voyage)([-_.]|$)/i;

/**
 * Whether a model's name names no other task. Model lists also hold models for embeddings, speech and so on.
 */
export function looksLikeChat(model: string): boolean {
  return !OTHER_TASK.test(model);
}
