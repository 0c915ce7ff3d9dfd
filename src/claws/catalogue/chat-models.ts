const OTHER_TASK = /embed|rerank|whisper|transcribe|moderation|(^|[-_/])(tts|stt|asr|voyage)([-_.]|$)/i;

/** Whether a model's name says nothing against a chat: lists mix in models for other tasks. */
export function looksLikeChat(model: string): boolean {
  return !OTHER_TASK.test(model);
}
