import type { Totals } from './totals.ts';

/** A window has about so many samples, so that a long one does not take much memory. */
const SAMPLES = 60;

/** Earlier totals, as far back as a rule looks. */
export class History {
  private readonly samples: Totals[] = [];

  /** `windows`: how many windows are looked at. */
  constructor(
    private readonly windowMs: number,
    private readonly windows: number,
  ) {}

  /** The latest sample is replaced while it is younger than the distance of two samples. */
  add(totals: Totals): void {
    const { samples, windowMs, windows } = this;
    const before = samples.at(-2);
    if (before && totals.at - before.at < windowMs / SAMPLES) samples.pop();
    samples.push(totals);
    const oldest = totals.at - windows * windowMs;
    while (samples.length > 1 && samples[1]!.at <= oldest) samples.shift();
  }

  /**
   * The totals at the begin of the window that ended `ago` windows before now, and at its end. While the history is
   * shorter than the latest window, that window begins with the history. `undefined` where nothing is known.
   */
  window(ago = 0): { from: Totals; to: Totals } | undefined {
    const latest = this.samples.at(-1);
    if (!latest) return undefined;
    const to = this.at(latest.at - ago * this.windowMs);
    const from = this.at(latest.at - (ago + 1) * this.windowMs) ?? (ago === 0 ? this.samples[0] : undefined);
    return to && from && from.at < to.at ? { from, to } : undefined;
  }

  /** The last sample at or before this moment. */
  private at(moment: number): Totals | undefined {
    return this.samples.findLast((sample) => sample.at <= moment);
  }
}
