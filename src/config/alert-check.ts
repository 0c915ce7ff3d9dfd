import { isObject } from '../core/json.ts';
import type { Origin, Problem } from './problems.ts';

/** Mistakes of alerts that involve several settings: targets without what their kind needs, rules without targets. */
export function checkAlerts(alerts: unknown, origin: Origin): Problem[] {
  if (!isObject(alerts)) return [];
  const targets = isObject(alerts.targets) ? alerts.targets : {};
  const rules = Array.isArray(alerts.rules) ? alerts.rules : [];
  const missing = Object.entries(targets).flatMap(([name, target]) => {
    if (!isObject(target)) return [];
    const lacked = NEEDS[String(target.kind)]?.filter((field) => target[field] === undefined) ?? [];
    return lacked.map((field) => ({
      where: origin.where(['alerts', 'targets', name]),
      message: `alerts.targets.${name}: a ${String(target.kind)} needs ${field}`,
    }));
  });
  const unknown = rules.flatMap((rule, index) =>
    (isObject(rule) && Array.isArray(rule.to) ? rule.to : [])
      .filter((name) => typeof name === 'string' && !Object.hasOwn(targets, name))
      .map((name) => ({
        where: origin.where(['alerts', 'rules', index, 'to']),
        message: `alerts.rules[${index}].to: there is no target "${String(name)}"`,
      })),
  );
  return [...missing, ...unknown];
}

const NEEDS: Readonly<Record<string, readonly string[]>> = {
  webhook: ['url', 'secret'],
  slack: ['url'],
  command: ['command'],
};
