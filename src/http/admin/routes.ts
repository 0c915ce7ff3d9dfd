import type { Api } from '../../api/api.ts';
import type { Route, SettingsSource } from '../route.ts';
import { clawRoutes } from './claw-routes.ts';
import { copyRoutes } from './copy-routes.ts';
import { eventRoutes } from './event-routes.ts';
import { sessionRoutes } from './session-routes.ts';
import type { SignIns } from './sign-in.ts';
import { signInRoutes } from './sign-in-routes.ts';
import { adminTurnRoutes } from './turn-routes.ts';
import { usageRoutes } from './usage-routes.ts';

/** The management API: what the dashboard and the commands of operators use. */
export function adminRoutes(
  { admin }: Pick<Api, 'admin'>,
  settings: SettingsSource,
  signIns: SignIns,
): Route[] {
  return [
    ...signInRoutes(signIns, settings),
    ...sessionRoutes(admin, settings),
    ...copyRoutes(admin, settings),
    ...adminTurnRoutes(admin),
    ...clawRoutes(admin, settings),
    ...usageRoutes(admin),
    ...eventRoutes(admin),
  ];
}
