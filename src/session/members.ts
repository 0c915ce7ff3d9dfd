/** The name of one process, unique among all processes that have ever used the store. */
export type MemberId = string;

/**
 * The processes that share a store: which of them is alive. Leases and claims name their holders, and what a
 * dead process holds may be taken over at once. Implementations pass `tests/conformance/members.ts`.
 *
 * A process is alive while it gives a sign of life to the store; the store's clock decides when the last
 * sign is too old. A proof counts at once: where two processes share a machine, and the operating system has
 * released the lock of one, the other knows that it is dead. An unknown process counts as dead.
 */
export interface Members {
  /** This process. */
  readonly self: MemberId;
  isAlive(member: MemberId): Promise<boolean>;
  /** Whether a process is alive and has given a sign of life lately. */
  isActive(member: MemberId): Promise<boolean>;
  /**
   * Whether a process is alive, and gave its last sign of life too long ago: nothing is taken from it, but no request
   * waits for it. One that has died lately is not frozen, also while another process succeeds it.
   */
  isFrozen(member: MemberId): Promise<boolean>;
  /** This process ends normally: from now on it counts as dead. */
  leave(): Promise<void>;
}

/**
 * Signs of life, in the store that the processes share. Times are those of the store's clock.
 * Implementations pass `tests/conformance/members.ts`.
 */
export interface MemberRegistry {
  /** A process is alive; called when it starts and again every few seconds. */
  beat(member: MemberId): Promise<void>;
  /** Milliseconds since the last sign of life; `undefined` where there was none, or the process has left. */
  silentFor(member: MemberId): Promise<number | undefined>;
  /** A process has left, or was proved to be dead. */
  remove(member: MemberId): Promise<void>;
}
