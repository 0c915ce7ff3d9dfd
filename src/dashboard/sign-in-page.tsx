import { useState } from 'preact/hooks';
import { type ApiError, send, signedIn, urlOf } from './api/client.ts';
import { Icon } from './parts/icon.tsx';

/** Takes the root key. The key is sent once and kept nowhere. */
export function SignInPage() {
  const [key, setKey] = useState('');
  const [error, setError] = useState<string>();
  const [waits, setWaits] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    setWaits(true);
    try {
      await send('POST', urlOf('sign-in'), { key: key.trim() });
      signedIn.value = true;
    } catch (failure) {
      setError((failure as ApiError).message);
      setWaits(false);
    }
  };
  return (
    <main class="sign-in">
      <form onSubmit={submit}>
        <h1>
          <Icon name="brand" /> Clawhold
        </h1>
        <label class="field">
          <span class="label">Root key</span>
          <input
            type="password"
            autocomplete="current-password"
            required
            value={key}
            onInput={(event) => setKey(event.currentTarget.value)}
            aria-describedby="key-hint"
          />
        </label>
        <p id="key-hint" class="soft small">
          It is in the file <code>root-key</code> of the data folder, unless it was set in the configuration.
        </p>
        {error && (
          <p class="failure" role="alert">
            {error}
          </p>
        )}
        <button type="submit" class="primary" disabled={waits}>
          Sign in
        </button>
      </form>
    </main>
  );
}
