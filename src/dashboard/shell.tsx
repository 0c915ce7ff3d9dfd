import type { ComponentChildren } from 'preact';
import { send, signedIn, tenant, urlOf } from './api/client.ts';
import { connected } from './api/live.ts';
import { useLoaded } from './api/load.ts';
import type { TenantList } from './api/types.ts';
import { Icon, type IconName } from './parts/icon.tsx';
import { hrefOf, place } from './route.ts';

const PAGES: readonly { path: string; title: string; icon: IconName }[] = [
  { path: '', title: 'Overview', icon: 'overview' },
  { path: 'sessions', title: 'Sessions', icon: 'sessions' },
  { path: 'playground', title: 'Playground', icon: 'playground' },
  { path: 'claws', title: 'Claws', icon: 'claws' },
  { path: 'models', title: 'Models', icon: 'models' },
  { path: 'usage', title: 'Usage', icon: 'usage' },
  { path: 'configuration', title: 'Configuration', icon: 'configuration' },
];

/** The frame around every page: where one can go, whose data is shown, whether it is live. */
export function Shell({ children }: { children: ComponentChildren }) {
  return (
    <div class="shell">
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <header class="side">
        <a class="brand" href={hrefOf([])}>
          <Icon name="brand" /> Clawhold
        </a>
        <Pages />
        <div class="side-end">
          <TenantChoice />
          <Connection />
          <button type="button" class="quiet" onClick={signOut}>
            Sign out
          </button>
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        {children}
      </main>
    </div>
  );
}

function Pages() {
  const [at = ''] = place.value.path;
  return (
    <nav aria-label="Pages">
      {PAGES.map(({ path, title, icon }) => (
        <a key={path} href={hrefOf(path ? [path] : [])} aria-current={path === at ? 'page' : undefined}>
          <Icon name={icon} />
          <span>{title}</span>
        </a>
      ))}
    </nav>
  );
}

function TenantChoice() {
  const { data } = useLoaded<TenantList>(urlOf('tenants'));
  if (!data || data.data.length < 2) return null;
  const choose = (id: string) => {
    tenant.value = id;
    localStorage.setItem('tenant', id);
  };
  return (
    <label class="tenant">
      <span class="label">Tenant</span>
      <select value={tenant.value} onChange={(event) => choose(event.currentTarget.value)}>
        <option value="">of the root key</option>
        {data.data.map(({ id }) => (
          <option key={id} value={id}>
            {id}
          </option>
        ))}
      </select>
    </label>
  );
}

const Connection = () => (
  <p class="connection" role="status">
    <span class={`dot ${connected.value ? 'good' : 'warn'}`} />
    {connected.value ? 'Live' : 'Reconnecting…'}
  </p>
);

async function signOut(): Promise<void> {
  await send('DELETE', urlOf('sign-in')).catch(() => {});
  signedIn.value = false;
}
