import { json, type RouteDoc } from '../published.ts';
import type { Route } from '../route.ts';
import { listOf } from './fields.ts';
import { SettingList } from './gateway-schemas.ts';

/** A setting as it is now. */
interface Setting {
  name: string;
  /** Absent for a secret, and for a setting without a value. */
  value?: unknown;
  isSecret: boolean;
  isSet: boolean;
  origin: string;
  description?: string;
  needsRestart: boolean;
}

/** The settings as they are now, without secrets. */
export type ConfigurationSource = () => readonly Setting[];

const DOC: RouteDoc = {
  what: 'Lists every setting with its value and where the value comes from. Secrets are hidden.',
  replies: [json(SettingList)],
};

const view = ({ name, value, isSecret, isSet, origin, description, needsRestart }: Setting) => ({
  object: 'setting',
  ...{ name, value: value ?? null, is_secret: isSecret, is_set: isSet, origin },
  description: description ?? null,
  needs_restart: needsRestart,
});

/** The configuration, to read. */
export const configurationRoute = (settings: ConfigurationSource): Route => ({
  method: 'GET',
  path: '/admin/v1/config',
  access: 'root',
  doc: DOC,
  handle: () => Response.json(listOf({ entries: settings() }, view)),
});
