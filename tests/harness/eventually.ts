/**
 * Calls `look` again and again, less and less often, until `isWanted` accepts its result. Resolves to that result.
 */
export async function eventually<Seen>(
  what: string,
  look: () => Seen | Promise<Seen>,
  isWanted: (seen: Seen) => boolean,
  withinMs = 15_000,
): Promise<Seen> {
  const deadline = performance.now() + withinMs;
  for (let pause = 1; ; pause = Math.min(2 * pause, 50)) {
    const seen = await look();
    if (isWanted(seen)) return seen;
    if (performance.now() > deadline)
      throw new Error(`timed out waiting until ${what}; the last result was ${JSON.stringify(seen)}`);
    await Bun.sleep(pause);
  }
}
