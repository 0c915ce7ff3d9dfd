import { type TestGateway, testGateway } from '../harness/gateway.ts';
import { type Provider, startProvider } from '../simulators/provider/provider.ts';
import { type Observer, observe } from './observer.ts';

/** A gateway with simulated providers, and an observer between clients and the gateway. */
export interface Stage {
  provider: Provider;
  gateway: TestGateway;
  observer: Observer;
  /** Deletes what the provider and the observer recorded. */
  reset(): void;
  end(): Promise<void>;
}

/** A claw that has only the Responses API: an `openai` claw answers chat requests with its chat API. */
export const responsesClaw = (provider: string): string =>
  `claws:\n  responses: { protocol: openai-responses, base_url: "${provider}/v1", api_key: sk-simulated }\n`;

export async function startStage(): Promise<Stage> {
  const provider = startProvider();
  const gateway = await testGateway({ provider: provider.url, yaml: responsesClaw(provider.url) });
  const observer = observe(gateway.url);
  return {
    provider,
    gateway,
    observer,
    reset() {
      provider.reset();
      observer.turns.length = 0;
    },
    async end() {
      await observer.stop();
      await gateway.stop();
      provider.stop();
    },
  };
}
