import type { ComponentChildren } from 'preact';
import type { ApiError } from '../api/client.ts';

/** Why something cannot be shown. */
export const Failure = ({ error }: { error?: ApiError }) =>
  error ? (
    <p class="failure" role="alert">
      {error.message}
    </p>
  ) : null;

/** What stands where there is nothing to show. */
export const Nothing = ({ children }: { children: ComponentChildren }) => <p class="nothing">{children}</p>;
