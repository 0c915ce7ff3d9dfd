import { loadCatalogue } from '../../claws/catalogue/catalogue.ts';
import { type FoundProvider, findProviders, type ProviderOn } from '../../claws/find-providers.ts';
import { detectLocalServers, localCandidates } from '../../claws/local-servers.ts';
import type { Config } from '../../config/config.ts';
import { checkAccess } from './access.ts';
import { checkAliases } from './aliases.ts';
import { pathProblem } from './base-url.ts';
import { type CheckedConnection, connectionsOf } from './connections.ts';
import type { Env, Finding } from './finding.ts';
import { checkRecall } from './recall.ts';

export interface FoundClaws {
  on: ProviderOn[];
  findings: Finding[];
}

/** Reports which variable or setting each key comes from, and never any part of the key. */
export async function checkProviders(config: Config, env: Env): Promise<FoundClaws> {
  const catalogue = loadCatalogue();
  const { providers: rows } = catalogue;
  const localServers = config.detect ? await detectLocalServers(fetch, localCandidates(rows)) : [];
  const found = findProviders({ rows, settings: config.claws, env, localServers, ownPort: config.port });
  const on = found.filter((provider) => provider.state === 'on');
  const known = { config, found, catalogue };
  const findings = [
    ...on.flatMap(connectionsOf).map(describe),
    ...disabled(found),
    ...ignoredBaseUrls(on, env),
    ...sharedKeys(on),
    ...checkAliases(known),
    ...checkAccess(known),
    ...checkRecall(known),
  ];
  if (on.length === 0) {
    findings.unshift({
      level: 'warn',
      subject: 'Providers',
      message: 'none: only the built-in model local/recall answers',
      remedy:
        'Set a provider key, for example OPENAI_API_KEY, ANTHROPIC_API_KEY or GEMINI_API_KEY, or start Ollama.',
    });
  }
  if (!config.detect)
    findings.push({
      level: 'note',
      subject: 'Local servers',
      message: 'not searched for (CLAWHOLD_DETECT=false)',
    });
  else if (localServers.length === 0)
    findings.push({
      level: 'note',
      subject: 'Local servers',
      message: 'none found (Ollama, LM Studio, vLLM, llama.cpp)',
    });
  return { on, findings };
}

function describe(found: CheckedConnection): Finding {
  const { subject, provider, keyFrom, baseUrlFrom, detectedModels, row } = found;
  const parts = [keyFrom ? `key from ${keyFrom}` : 'no key'];
  if (baseUrlFrom === 'detected') parts.push(`found at ${withoutPassword(provider.baseUrl)}`);
  else if (baseUrlFrom) parts.push(`base URL ${withoutPassword(provider.baseUrl)} from ${baseUrlFrom}`);
  if (detectedModels) parts.push(`${detectedModels.length} models`);
  const message = parts.join(', ');
  if (!/^https?:\/\/[^\s/]/.test(provider.baseUrl) || !URL.canParse(provider.baseUrl)) {
    const remedy = `Set ${baseUrlFrom} to a URL that starts with https:// or http://, or remove it.`;
    return { level: 'bad', subject, message, remedy };
  }
  const key = provider.apiKey;
  if (key !== undefined && !/^[\x21-\x7e]+$/.test(key)) {
    const remedy = `Set ${keyFrom} again: it contains spaces or other characters that a key cannot have.`;
    return { level: 'bad', subject, message: `${message}, which is malformed`, remedy };
  }
  const wrongPath = pathProblem(found);
  if (wrongPath) {
    const { problem, remedy } = wrongPath;
    return { level: 'warn', subject, message: `${message}, ${problem}`, remedy };
  }
  if (detectedModels?.length === 0) {
    const remedy = 'Load a model into this server; for Ollama: ollama pull llama3.2';
    return { level: 'warn', subject, message, remedy };
  }
  if (key === undefined && row && !row.local && baseUrlFrom === undefined)
    return { level: 'warn', subject, message, remedy: `Set ${row.keyVariables[0]}.` };
  return { level: 'ok', subject, message };
}

/** A base URL may contain a password. */
function withoutPassword(address: string): string {
  return address.replace(/^(\w+:\/\/)[^/@]*@/, '$1***@');
}

/** Two instances with one key at one address share the provider's rate limit, so the second one adds nothing. */
function sharedKeys(on: readonly ProviderOn[]): Finding[] {
  return on.flatMap((found) => {
    const connections = connectionsOf(found);
    return connections.flatMap(({ subject, provider }, index): Finding[] => {
      const same = connections
        .slice(0, index)
        .find(
          (earlier) =>
            earlier.provider.apiKey === provider.apiKey && earlier.provider.baseUrl === provider.baseUrl,
        );
      if (!same) return [];
      const message = `has the same key and base URL as ${same.subject}, so both share one rate limit`;
      return [{ level: 'note', subject, message }];
    });
  });
}

function disabled(found: readonly FoundProvider[]): Finding[] {
  return found.flatMap((provider): Finding[] =>
    provider.state === 'off' && provider.reason === 'disabled'
      ? [{ level: 'note', subject: provider.id, message: `turned off by ${provider.turnOnWith}` }]
      : [],
  );
}

/** `OPENAI_BASE_URL` is often set for clients of the gateway. The gateway ignores it when it points at itself. */
function ignoredBaseUrls(on: readonly ProviderOn[], env: Env): Finding[] {
  return on.flatMap(({ id, row, connections }): Finding[] => {
    const variable = row?.baseUrlVariables.find((name) => env[name]);
    if (variable === undefined || connections.every(({ baseUrlFrom }) => baseUrlFrom !== undefined))
      return [];
    const message = `${variable} points at this gateway, so it is ignored`;
    return [{ level: 'note', subject: id, message }];
  });
}
