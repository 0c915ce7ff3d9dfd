/** Milliseconds since the epoch. Injected, so that tests set the time. */
export type Clock = () => number;

export const systemClock: Clock = () => Date.now();
