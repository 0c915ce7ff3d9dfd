import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { MemberId, MemberRegistry, Members } from '../../session/members.ts';
import { InstanceLock, type LockState } from './instance-lock.ts';
import { journalDirectory, lockName, memberOf, unreadable } from './journal-files.ts';

/** Often enough that silence is noticed soon, and seldom enough to cost a store nothing. */
const BEAT_EVERY_MS = 10_000;
/** Three beats: one may fail, and the next one may be late because the process or the store is busy. */
const SILENCE_MS = 30_000;

/**
 * The processes that share a store. Each one holds the lock `<dataDir>/journal/<id>.lock` for as long as it
 * lives, and beats into the store's registry. Processes that share a data folder see the death of one another
 * at once by the lock; all others see it by silence.
 */
export class FileMembers implements Members {
  /** Dead processes that this one is about to succeed, and whose locks it holds meanwhile. */
  private readonly succeeding = new Set<MemberId>();
  private readonly timer: Timer;
  private beating: Promise<void> = Promise.resolve();
  private left = false;

  private constructor(
    readonly self: MemberId,
    private readonly directory: string,
    private readonly lock: InstanceLock,
    private readonly registry: MemberRegistry,
  ) {
    this.timer = setInterval(() => this.beat(), BEAT_EVERY_MS).unref();
  }

  /** Rejects where the lock cannot be taken, or the registry does not answer. */
  static async join(dataDir: string, registry: MemberRegistry): Promise<FileMembers> {
    const directory = journalDirectory(dataDir);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (;;) {
      const self = crypto.randomUUID();
      const lock = InstanceLock.take(join(directory, lockName(self)), { create: true });
      if (!lock) continue;
      try {
        await registry.beat(self);
      } catch (error) {
        lock.remove();
        throw error;
      }
      return new FileMembers(self, directory, lock, registry);
    }
  }

  async isAlive(member: MemberId): Promise<boolean> {
    if (member === this.self) return !this.left;
    if (this.succeeding.has(member)) return false;
    const lock = this.lockOf(member);
    if (lock !== 'missing') return lock === 'held';
    return this.isHeard(member);
  }

  async isActive(member: MemberId): Promise<boolean> {
    if (!(await this.isAlive(member))) return false;
    return member === this.self || this.isHeard(member);
  }

  async isFrozen(member: MemberId): Promise<boolean> {
    if (member === this.self || this.lockOf(member) !== 'held') return false;
    // A successor holds the lock too. It removes the dead process from the registry, where it was heard of lately.
    const silentMs = await this.registry.silentFor(member);
    return silentMs !== undefined && silentMs > SILENCE_MS;
  }

  /**
   * Succeeds a dead process: removes it from the registry and runs `adopt`, while its lock is held, so that it
   * has one successor. False where it is alive, or another process succeeds it. `hasLock` says whether its lock
   * file was there; one that has gone since is not made again, because then another process was faster. Where
   * this process dies on the way, or something fails, the file stays without a holder: the process is still
   * known to be dead, and the next call begins again.
   */
  async succeed(member: MemberId, hasLock: boolean, adopt: () => unknown): Promise<boolean> {
    const lock = InstanceLock.take(this.lockPath(member), { create: !hasLock });
    if (!lock) return false;
    this.succeeding.add(member);
    try {
      await this.registry.remove(member);
      await adopt();
      lock.remove();
      return true;
    } catch (error) {
      lock.release();
      throw error;
    } finally {
      this.succeeding.delete(member);
    }
  }

  /** To be called when nothing of this process is left to do, its journal's `close` included. */
  async leave(): Promise<void> {
    if (this.left) return;
    this.left = true;
    clearInterval(this.timer);
    try {
      await this.beating;
      await this.registry.remove(this.self);
      this.lock.remove();
    } catch {
      // The file without a holder proves the death to neighbours; silence tells it to all others.
      this.lock.release();
    }
  }

  private async isHeard(member: MemberId): Promise<boolean> {
    const silentMs = await this.registry.silentFor(member);
    return silentMs !== undefined && silentMs <= SILENCE_MS;
  }

  private beat(): void {
    // The next tick tries again what fails.
    this.beating = this.beating.then(() => this.registry.beat(this.self)).catch(() => {});
  }

  private lockOf(member: MemberId): LockState {
    if (memberOf(lockName(member)) !== member) return 'missing';
    try {
      return InstanceLock.stateOf(this.lockPath(member));
    } catch (cause) {
      throw unreadable(cause);
    }
  }

  private lockPath(member: MemberId): string {
    return join(this.directory, lockName(member));
  }
}
