import type { VNode } from 'preact';
import { useEffect } from 'preact/hooks';
import { get, signedIn, urlOf } from './api/client.ts';
import { followEvents } from './api/live.ts';
import type { SignIn } from './api/types.ts';
import { ClawsPage } from './claws/claws-page.tsx';
import { ConfigurationPage } from './configuration/configuration-page.tsx';
import { ModelsPage } from './models/models-page.tsx';
import { OverviewPage } from './overview/overview-page.tsx';
import { PlaygroundPage } from './playground/playground-page.tsx';
import { place } from './route.ts';
import { SessionPage } from './sessions/session-page.tsx';
import { SessionsPage } from './sessions/sessions-page.tsx';
import { Shell } from './shell.tsx';
import { SignInPage } from './sign-in-page.tsx';
import { UsagePage } from './usage/usage-page.tsx';

/** The whole page: to sign in, or the page that the address names. */
export function Dashboard(): VNode | null {
  useEffect(() => {
    get<SignIn>(urlOf('sign-in')).then(
      ({ tenant }) => {
        signedIn.value = tenant !== null;
      },
      () => {
        signedIn.value = false;
      },
    );
  }, []);
  if (signedIn.value === undefined) return null;
  return signedIn.value ? <SignedIn /> : <SignInPage />;
}

function SignedIn() {
  useEffect(followEvents, []);
  return (
    <Shell>
      <Page />
    </Shell>
  );
}

function Page() {
  const [name, id] = place.value.path;
  switch (name) {
    case undefined:
      return <OverviewPage />;
    case 'sessions':
      return id === undefined ? <SessionsPage /> : <SessionPage id={id} key={id} />;
    case 'playground':
      return <PlaygroundPage />;
    case 'claws':
      return <ClawsPage />;
    case 'models':
      return <ModelsPage />;
    case 'usage':
      return <UsagePage />;
    case 'configuration':
      return <ConfigurationPage />;
    default:
      return <NoPage />;
  }
}

const NoPage = () => (
  <div class="page">
    <h1>No such page</h1>
    <p class="soft">The address names no page of the dashboard.</p>
  </div>
);
