import type { MemberId, Members } from '../../session/members.ts';

/** One process alone: nothing that it holds can outlive it. */
export class MemoryMembers implements Members {
  readonly self: MemberId = crypto.randomUUID();
  private left = false;

  async isAlive(member: MemberId): Promise<boolean> {
    return member === this.self && !this.left;
  }

  isActive(member: MemberId): Promise<boolean> {
    return this.isAlive(member);
  }

  async isFrozen(): Promise<boolean> {
    return false;
  }

  async leave(): Promise<void> {
    this.left = true;
  }
}
