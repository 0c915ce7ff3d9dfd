import { z } from 'zod';
import type { Reload } from '../core/reload.ts';
import { json, published } from './published.ts';
import type { Route } from './route.ts';

const names = (what: string) => z.array(z.string()).describe(what);

const ReloadReply = published(
  'Reload',
  z.strictObject({
    state: z.literal('applied'),
    changed: names('The settings that changed and are in effect.'),
    restart: names('The settings that differ and take effect at the next start.'),
  }),
);

const RejectedReload = published(
  'RejectedReload',
  z.strictObject({ state: z.literal('rejected'), problems: names('The mistakes, each with its line.') }),
);

/** The route of `clawhold reload`. */
export function reloadRoute(reload: () => Promise<Reload>): Route {
  return {
    method: 'POST',
    path: '/admin/reload',
    access: 'root',
    doc: {
      what: 'Reads the configuration again. One with mistakes changes nothing. Needs the root key.',
      replies: [json(ReloadReply), json(RejectedReload, 422)],
    },
    async handle() {
      const result = await reload();
      return Response.json(result, { status: result.state === 'applied' ? 200 : 422 });
    },
  };
}
