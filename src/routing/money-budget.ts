import type { Tenant } from '../core/request.ts';

/** What callers may still spend. Candidates that cost nothing are never limited by it. */
export interface MoneyBudget {
  /** Whether the key may spend more money. Called for each turn, when its candidates are chosen. */
  hasMoney(tenant: Tenant, key: string): boolean;
}

/** Without budgets, no key is limited. */
export const UNLIMITED: MoneyBudget = { hasMoney: () => true };
