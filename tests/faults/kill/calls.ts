import type { Provider } from '../../simulators/provider/provider.ts';
import { context } from '../upstream.ts';

/** A request that reached the provider. */
export interface Call {
  /** Milliseconds since the epoch. */
  at: number;
  /** What it said of the conversation. */
  context: string[];
}

/** The calls of providers by the question that they were made for, whose label is in the model's name. */
export class Calls {
  private readonly byLabel = new Map<string, Call[]>();
  private read = 0;

  constructor(private readonly provider: Provider) {}

  of(label: string): readonly Call[] {
    const { requests } = this.provider;
    for (; this.read < requests.length; this.read++) {
      const request = requests[this.read]!;
      const of = request.model.slice(request.model.lastIndexOf('+') + 1);
      const calls = this.byLabel.get(of) ?? [];
      calls.push({ at: request.at, context: context(request).filter(Boolean) });
      this.byLabel.set(of, calls);
    }
    return this.byLabel.get(label) ?? [];
  }

  /** Faults that struck once strike once more; what has been received stays known. */
  rearm(): void {
    this.of('');
    this.provider.reset();
    this.read = 0;
  }

  forget(): void {
    this.rearm();
    this.byLabel.clear();
  }
}
