import type { ProtocolName } from '../../simulators/provider/protocol.ts';
import type { RecordedCase } from './cases.ts';

const PROTOCOLS: Record<ProtocolName, string> = {
  chat: 'openai-chat',
  responses: 'openai-responses',
  messages: 'anthropic',
  gemini: 'gemini',
};
export const PROTOCOL_NAMES = Object.keys(PROTOCOLS) as ProtocolName[];

/** The provider and protocol of a recording. */
type Served = Pick<RecordedCase, 'provider' | 'protocol'>;

/** The claw that answers a recording. Known providers have their own names, so that their quirks count. */
export function clawOf({ provider: folder, protocol }: Served): string {
  if (protocol === 'gemini') return 'gemini';
  if (folder === 'moonshotai') return 'moonshot';
  return protocol === 'chat' && ['azure', 'openai', 'xai'].includes(folder) ? `${folder}-chat` : folder;
}

/**
 * The configuration of a gateway with these claws, all at one server; for each protocol, there is another
 * provider, too.
 */
export function clawsFor(cases: readonly Served[], url: string): string {
  const claws = new Map(PROTOCOL_NAMES.map((name) => [`other-${name}`, name]));
  for (const recorded of cases) claws.set(clawOf(recorded), recorded.protocol);
  const lines = [...claws].map(([name, protocol]) => {
    const base = protocol === 'chat' || protocol === 'responses' ? `${url}/v1` : url;
    return `  ${name}: { protocol: ${PROTOCOLS[protocol]}, base_url: '${base}', api_key: k }\n`;
  });
  return `claws:\n${lines.join('')}`;
}
