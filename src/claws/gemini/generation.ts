/** Google's model names are open-ended: one without a number (`gemini-flash-latest`) is of the newest kind. */
export function generationOf(model: string): number {
  if (!/(^|\/)gemini-/.test(model)) return 0;
  const version = /-(\d+(?:\.\d+)?)/.exec(model);
  return version ? Number(version[1]) : Number.POSITIVE_INFINITY;
}

/**
 * Whether a conversation may end with the model's own words, for it to go on with them. Refused since 3.5
 * Flash-Lite: "Requests ending with a model turn are not supported"
 * (https://ai.google.dev/gemini-api/docs/whats-new-gemini-3.6).
 */
export function takesPrefill(model: string): boolean {
  const generation = generationOf(model);
  return generation >= 2 && generation < 3.5;
}
