import { z } from 'zod';
import { json, published, type RouteDoc } from '../published.ts';
import type { Route, SettingsSource } from '../route.ts';
import { validate } from '../v1/fields.ts';
import { readBody } from '../v1/request.ts';
import { iso } from './fields.ts';
import { SignIn } from './gateway-schemas.ts';
import { cookieOf, expectOwnPage, type SignIns, tokenOf } from './sign-in.ts';

const PATH = '/admin/v1/sign-in';
/** A key is short, and anybody can send this body. */
const BODY_BYTES = 4_096;

const signInSchema = published(
  'AdminSignInRequest',
  z.strictObject({ key: z.string().min(1).max(1_024).describe('The root key.') }),
);

const SIGN_IN: RouteDoc = {
  what: 'Signs a browser in with the root key: sets a cookie that the routes of the management API take for it. Needs the header `x-requested-with`.',
  body: signInSchema,
  replies: [json(SignIn)],
};
const SIGNED_IN: RouteDoc = {
  what: 'Says whether the browser is signed in, and until when.',
  replies: [json(SignIn)],
};
const SIGN_OUT: RouteDoc = { what: 'Signs the browser out.', replies: [json(SignIn)] };

const view = (tenant: string | null, expiresAt?: number) => ({
  object: 'sign_in',
  tenant,
  expires_at: expiresAt === undefined ? null : iso(expiresAt),
});

/** How the dashboard gets to call the management API. */
export function signInRoutes(signIns: SignIns, settings: SettingsSource): Route[] {
  return [
    {
      method: 'POST',
      path: PATH,
      access: 'open',
      doc: SIGN_IN,
      async handle(request) {
        expectOwnPage(request.headers);
        const { body } = await readBody(request, { ...settings(), bodyBytes: BODY_BYTES });
        const signedIn = await signIns.signIn(validate(signInSchema, body).key);
        const tenant = signIns.callerOf(signedIn.token)?.caller.tenant ?? null;
        const headers = { 'set-cookie': cookieOf(request, signedIn), 'cache-control': 'no-store' };
        return Response.json(view(tenant, signedIn.expiresAt), { headers });
      },
    },
    {
      method: 'GET',
      path: PATH,
      // A browser that asks has no key: it learns what its own cookie says.
      access: 'open',
      doc: SIGNED_IN,
      handle(request) {
        const found = signIns.callerOf(tokenOf(request.headers) ?? '');
        const body = view(found?.caller.tenant ?? null, found?.expiresAt);
        return Response.json(body, { headers: { 'cache-control': 'no-store' } });
      },
    },
    {
      method: 'DELETE',
      path: PATH,
      access: 'root',
      doc: SIGN_OUT,
      handle({ request }) {
        signIns.signOut(tokenOf(request.headers) ?? '');
        return Response.json(view(null), { headers: { 'set-cookie': cookieOf(request) } });
      },
    },
  ];
}
