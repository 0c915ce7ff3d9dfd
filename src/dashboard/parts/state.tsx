/** How well something is, as a colour and a word. */

const TONES: Readonly<Record<string, 'good' | 'warn' | 'bad' | 'off'>> = {
  ...{ completed: 'good', well: 'good', closed: 'good' },
  ...{ incomplete: 'warn', weak: 'warn', waiting: 'warn', deferred: 'warn', cancelled: 'warn' },
  ...{ 'half-open': 'warn', failed: 'bad', ill: 'bad', open: 'bad' },
  ...{ calling: 'good', answering: 'good' },
};

export const State = ({ of }: { of: string | null }) => (
  <span class="state">
    <span class={`dot ${TONES[of ?? ''] ?? 'off'}`} />
    {of ?? 'none'}
  </span>
);
