import type { Provider } from '../../simulators/provider/provider.ts';
import { context } from '../upstream.ts';

/** A request that reached the provider. */
export interface Call {
  /** The model that was called: its name is the behaviour. */
  model: string;
  /** Milliseconds since the epoch. */
  at: number;
  /** The conversation in the request, one line per message. */
  context: string[];
}

/** The calls to providers, by question. The model's name contains the label of the question. */
export class Calls {
  private readonly byLabel = new Map<string, Call[]>();
  private read = 0;

  constructor(private readonly provider: Provider) {}

  of(label: string): readonly Call[] {
    const { requests } = this.provider;
    for (; this.read < requests.length; this.read++) {
      const request = requests[this.read]!;
      const key = request.model.slice(request.model.lastIndexOf('+') + 1);
      const calls = this.byLabel.get(key) ?? [];
      calls.push({ at: request.at, model: request.model, context: context(request).filter(Boolean) });
      this.byLabel.set(key, calls);
    }
    return this.byLabel.get(label) ?? [];
  }

  /** Every `once-` fault can happen again. The recorded calls are kept. */
  rearm(): void {
    this.of('');
    this.provider.reset();
    this.read = 0;
  }

  /** No `once-` fault happens any more in this round. */
  disarm(): void {
    this.provider.disarm();
  }

  forget(): void {
    this.rearm();
    this.byLabel.clear();
  }
}
