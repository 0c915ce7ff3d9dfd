import type { ProtocolName } from '../../core/prompt.ts';
import type { Quirks } from '../claw.ts';

/** What is known about one provider: facts about its API, and where its key is usually stored. */
export interface ProviderRow {
  /** The first half of `provider/model`. */
  id: string;
  /** Its display name. */
  name: string;
  /** Further names that callers may use as the first half of `provider/model`. */
  aliases?: readonly string[];
  /** The wire protocols that its base URL serves. The first is the default. */
  protocols: readonly [ProtocolName, ...ProtocolName[]];
  /**
   * As the provider's own SDK takes it, without a trailing slash. The protocols append their paths:
   * `/chat/completions` or `/responses` (OpenAI), `/v1/messages` (Anthropic), `/v1beta/models/…` (Gemini).
   */
  baseUrl: string;
  /**
   * Environment variables that may hold the key. The first one that is set counts. Each belongs to one
   * provider.
   */
  keyVariables: readonly string[];
  /** Environment variables that replace `baseUrl`. The first one that is set counts. */
  baseUrlVariables: readonly string[];
  quirks: Quirks;
  /** How long its prompt cache keeps a prompt that is not used, in milliseconds, if the provider says it. */
  cacheMs?: number;
  /** Its id at models.dev, if it differs from `id`. */
  catalogue?: string;
  /** Set for servers that run on the operator's own machine and need no key. */
  local?: {
    /** The server's default port. */
    port: number;
    /** The `owned_by` in its list of models. Set when other servers use the same port. */
    ownedBy?: string;
  };
}

type Details = Partial<
  Pick<ProviderRow, 'aliases' | 'quirks' | 'catalogue' | 'cacheMs' | 'baseUrlVariables' | 'local'>
>;

/** A provider with OpenAI's chat completions. */
function compatible(
  [id, name]: readonly [id: string, name: string],
  baseUrl: string,
  keyVariables: readonly string[],
  details: Details = {},
): ProviderRow {
  const ownVariable = `${id.toUpperCase().replaceAll('-', '_')}_BASE_URL`;
  return {
    id,
    name,
    protocols: ['openai-chat'],
    baseUrl,
    keyVariables,
    quirks: {},
    ...details,
    baseUrlVariables: [ownVariable, ...(details.baseUrlVariables ?? [])],
  };
}

/** A model server on this machine. */
function local(
  [id, name]: readonly [id: string, name: string],
  where: NonNullable<ProviderRow['local']>,
  details: Details = {},
): ProviderRow {
  const baseUrl = `http://127.0.0.1:${where.port}/v1`;
  return compatible([id, name], baseUrl, [`${id.toUpperCase()}_API_KEY`], { ...details, local: where });
}

const NATIVE: readonly ProviderRow[] = [
  {
    id: 'openai',
    name: 'OpenAI',
    protocols: ['openai-responses', 'openai-chat'],
    baseUrl: 'https://api.openai.com/v1',
    keyVariables: ['OPENAI_API_KEY'],
    baseUrlVariables: ['OPENAI_BASE_URL'],
    quirks: { maxTokensField: 'max_completion_tokens', developerRole: true },
    // platform.openai.com, "Prompt caching": 5 to 10 minutes of inactivity, at most an hour.
    cacheMs: 600_000,
  },
  {
    id: 'anthropic',
    name: 'Anthropic',
    protocols: ['anthropic'],
    baseUrl: 'https://api.anthropic.com',
    keyVariables: ['ANTHROPIC_API_KEY'],
    baseUrlVariables: ['ANTHROPIC_BASE_URL'],
    quirks: {},
  },
  {
    id: 'gemini',
    name: 'Google Gemini',
    aliases: ['google'],
    protocols: ['gemini'],
    baseUrl: 'https://generativelanguage.googleapis.com',
    // GOOGLE_API_KEY is last, because it often holds a key of another Google service.
    keyVariables: ['GEMINI_API_KEY', 'GOOGLE_GENERATIVE_AI_API_KEY', 'GOOGLE_API_KEY'],
    baseUrlVariables: ['GEMINI_BASE_URL', 'GOOGLE_GEMINI_BASE_URL'],
    quirks: {},
    catalogue: 'google',
  },
];

/**
 * Z.AI and Zhipu have the same API: JSON output without a schema, and usage in every stream without a request
 * for it.
 */
const GLM: Quirks = { noStreamOptions: true, noJsonSchema: true };

const COMPATIBLE: readonly ProviderRow[] = [
  compatible(['openrouter', 'OpenRouter'], 'https://openrouter.ai/api/v1', ['OPENROUTER_API_KEY']),
  compatible(['vercel', 'Vercel AI Gateway'], 'https://ai-gateway.vercel.sh/v1', ['AI_GATEWAY_API_KEY'], {
    aliases: ['vercel_ai_gateway'],
    baseUrlVariables: ['AI_GATEWAY_BASE_URL'],
  }),
  compatible(['xai', 'xAI'], 'https://api.x.ai/v1', ['XAI_API_KEY']),
  compatible(['groq', 'Groq'], 'https://api.groq.com/openai/v1', ['GROQ_API_KEY']),
  compatible(['mistral', 'Mistral AI'], 'https://api.mistral.ai/v1', ['MISTRAL_API_KEY'], {
    // Refuses unknown fields with 422. Every stream holds usage without a request for it.
    quirks: { noStreamOptions: true },
  }),
  compatible(['deepseek', 'DeepSeek'], 'https://api.deepseek.com', ['DEEPSEEK_API_KEY'], {
    quirks: { noJsonSchema: true },
  }),
  compatible(
    ['together', 'Together AI'],
    'https://api.together.xyz/v1',
    ['TOGETHER_API_KEY', 'TOGETHERAI_API_KEY'],
    {
      aliases: ['togetherai', 'together_ai'],
      catalogue: 'togetherai',
    },
  ),
  compatible(
    ['fireworks', 'Fireworks AI'],
    'https://api.fireworks.ai/inference/v1',
    ['FIREWORKS_API_KEY', 'FIREWORKS_AI_API_KEY'],
    {
      aliases: ['fireworks-ai', 'fireworks_ai'],
      catalogue: 'fireworks-ai',
    },
  ),
  compatible(['perplexity', 'Perplexity'], 'https://api.perplexity.ai', [
    'PERPLEXITY_API_KEY',
    'PPLX_API_KEY',
  ]),
  compatible(['cerebras', 'Cerebras'], 'https://api.cerebras.ai/v1', ['CEREBRAS_API_KEY']),
  compatible(['deepinfra', 'Deep Infra'], 'https://api.deepinfra.com/v1/openai', [
    'DEEPINFRA_API_KEY',
    'DEEPINFRA_TOKEN',
  ]),
  compatible(
    ['nvidia', 'NVIDIA'],
    'https://integrate.api.nvidia.com/v1',
    ['NVIDIA_API_KEY', 'NVIDIA_NIM_API_KEY'],
    {
      aliases: ['nvidia_nim'],
    },
  ),
  compatible(['moonshot', 'Moonshot AI'], 'https://api.moonshot.ai/v1', ['MOONSHOT_API_KEY'], {
    aliases: ['moonshotai', 'kimi'],
    catalogue: 'moonshotai',
    // https://platform.kimi.ai/docs/guide/use-partial-mode-feature-of-kimi-api
    quirks: { prefill: 'partial' },
  }),
  compatible(
    ['alibaba', 'Alibaba Cloud Model Studio'],
    'https://dashscope-intl.aliyuncs.com/compatible-mode/v1',
    ['DASHSCOPE_API_KEY'],
    {
      aliases: ['dashscope', 'qwen'],
      baseUrlVariables: ['DASHSCOPE_BASE_URL'],
    },
  ),
  compatible(['zai', 'Z.AI'], 'https://api.z.ai/api/paas/v4', ['ZAI_API_KEY', 'Z_AI_API_KEY'], {
    quirks: GLM,
  }),
  compatible(
    ['zhipuai', 'Zhipu AI'],
    'https://open.bigmodel.cn/api/paas/v4',
    ['ZHIPUAI_API_KEY', 'ZHIPU_API_KEY'],
    { quirks: GLM },
  ),
  compatible(['minimax', 'MiniMax'], 'https://api.minimax.io/v1', ['MINIMAX_API_KEY']),
  compatible(['stepfun', 'StepFun'], 'https://api.stepfun.com/v1', ['STEPFUN_API_KEY']),
  compatible(
    ['xiaomi', 'Xiaomi MiMo'],
    'https://api.xiaomimimo.com/v1',
    ['XIAOMI_API_KEY', 'XIAOMI_MIMO_API_KEY'],
    {
      aliases: ['xiaomi_mimo'],
    },
  ),
  compatible(
    ['tencent', 'Tencent TokenHub'],
    'https://tokenhub.tencentmaas.com/v1',
    ['TENCENT_TOKENHUB_API_KEY'],
    {
      aliases: ['tencent-tokenhub'],
      catalogue: 'tencent-tokenhub',
    },
  ),
  compatible(['siliconflow', 'SiliconFlow'], 'https://api.siliconflow.com/v1', ['SILICONFLOW_API_KEY']),
  compatible(
    ['cohere', 'Cohere'],
    'https://api.cohere.ai/compatibility/v1',
    ['COHERE_API_KEY', 'CO_API_KEY'],
    { quirks: { developerRole: true } },
  ),
  compatible(['huggingface', 'Hugging Face'], 'https://router.huggingface.co/v1', [
    'HF_TOKEN',
    'HUGGINGFACE_API_KEY',
  ]),
  // Not GITHUB_TOKEN, which is set for other reasons, for example in every CI run.
  compatible(['github', 'GitHub Models'], 'https://models.github.ai/inference', ['GITHUB_MODELS_TOKEN'], {
    aliases: ['github-models'],
    catalogue: 'github-models',
  }),
  // Not DIGITALOCEAN_ACCESS_TOKEN, which also controls the machines of the account.
  compatible(['digitalocean', 'DigitalOcean'], 'https://inference.do-ai.run/v1', [
    'DIGITALOCEAN_MODEL_ACCESS_KEY',
    'GRADIENT_MODEL_ACCESS_KEY',
  ]),
  compatible(['llama', 'Meta Llama API'], 'https://api.llama.com/compat/v1', ['LLAMA_API_KEY'], {
    aliases: ['meta_llama'],
  }),
  compatible(['nebius', 'Nebius Token Factory'], 'https://api.tokenfactory.nebius.com/v1', [
    'NEBIUS_API_KEY',
  ]),
  compatible(['novita', 'Novita AI'], 'https://api.novita.ai/openai', ['NOVITA_API_KEY'], {
    aliases: ['novita-ai'],
    catalogue: 'novita-ai',
  }),
  compatible(['baseten', 'Baseten'], 'https://inference.baseten.co/v1', ['BASETEN_API_KEY']),
  compatible(['friendli', 'Friendli'], 'https://api.friendli.ai/serverless/v1', ['FRIENDLI_TOKEN']),
  compatible(['sambanova', 'SambaNova'], 'https://api.sambanova.ai/v1', ['SAMBANOVA_API_KEY']),
  compatible(['inception', 'Inception'], 'https://api.inceptionlabs.ai/v1', ['INCEPTION_API_KEY']),
  compatible(['morph', 'Morph'], 'https://api.morphllm.com/v1', ['MORPH_API_KEY']),
  compatible(['ollama-cloud', 'Ollama Cloud'], 'https://ollama.com/v1', ['OLLAMA_CLOUD_API_KEY']),
  compatible(['ovhcloud', 'OVHcloud AI Endpoints'], 'https://oai.endpoints.kepler.ai.cloud.ovh.net/v1', [
    'OVHCLOUD_API_KEY',
    'OVH_AI_ENDPOINTS_ACCESS_TOKEN',
  ]),
  compatible(['scaleway', 'Scaleway'], 'https://api.scaleway.ai/v1', ['SCALEWAY_API_KEY']),
  compatible(['upstage', 'Upstage'], 'https://api.upstage.ai/v1/solar', ['UPSTAGE_API_KEY']),
  compatible(['venice', 'Venice AI'], 'https://api.venice.ai/api/v1', ['VENICE_API_KEY']),
  compatible(['wandb', 'Weights & Biases Inference'], 'https://api.inference.wandb.ai/v1', ['WANDB_API_KEY']),
];

const LOCAL: readonly ProviderRow[] = [
  local(['ollama', 'Ollama'], { port: 11_434 }),
  local(['lmstudio', 'LM Studio'], { port: 1234 }, { aliases: ['lm_studio'] }),
  local(['vllm', 'vLLM'], { port: 8000, ownedBy: 'vllm' }, { aliases: ['hosted_vllm'] }),
  local(['llamacpp', 'llama.cpp'], { port: 8080, ownedBy: 'llamacpp' }, { aliases: ['llama.cpp'] }),
];

/** Every provider that works with only a key in the environment or a server on this machine. */
export const PROVIDERS: readonly ProviderRow[] = [...NATIVE, ...COMPATIBLE, ...LOCAL];
