import type { Api } from '../../api/api.ts';
import type { Route, SettingsSource } from '../route.ts';
import { askRoute } from './ask-route.ts';
import { clawRoutes } from './claw-routes.ts';
import { type ConfigurationSource, configurationRoute } from './configuration-route.ts';
import { copyRoutes } from './copy-routes.ts';
import { eventRoutes } from './event-routes.ts';
import { sessionRoutes } from './session-routes.ts';
import type { SignIns } from './sign-in.ts';
import { signInRoutes } from './sign-in-routes.ts';
import { adminTurnRoutes } from './turn-routes.ts';
import { usageRoutes } from './usage-routes.ts';

/** What the management API needs beside the API. */
export interface OperatorParts {
  signIns: SignIns;
  configuration: ConfigurationSource;
}

/** The management API: what the dashboard and the commands of operators use. */
export function adminRoutes(
  { admin, turns }: Pick<Api, 'admin' | 'turns'>,
  settings: SettingsSource,
  { signIns, configuration }: OperatorParts,
): Route[] {
  return [
    ...signInRoutes(signIns, settings),
    ...sessionRoutes(admin, settings),
    ...copyRoutes(admin, settings),
    ...adminTurnRoutes(admin),
    askRoute({ turns }, settings),
    configurationRoute(configuration),
    ...clawRoutes(admin, settings),
    ...usageRoutes(admin),
    ...eventRoutes(admin),
  ];
}
