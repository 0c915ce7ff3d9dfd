/**
 * The method that a path of Google's API names after a model: `generateContent` in `models/gemini-3-flash:generateContent`.
 * The name of a model may have a colon, too: `ollama/qwen3:4b`.
 */
export const googleMethodOf = (path: string): string | undefined =>
  /:([a-z]+[A-Z][A-Za-z]*|predict)$/.exec(path)?.[1];

/** Whether the rest of a path is the name of a model alone. */
export const isModelName = ({ '*': name = '' }: Readonly<Record<string, string>>): boolean =>
  googleMethodOf(name) === undefined;
