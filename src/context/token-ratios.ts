import { type Candidate, candidateName } from '../core/candidate.ts';
import type { KeptRatio, KeptRatios } from './ratio-store.ts';
import { ESTIMATE_MARGIN } from './token-budget.ts';

/** How many tokens a model counts for one that is estimated (`tokens.ts`). */
export interface TokenRatio {
  /** For what is told to callers: the median. */
  typical: number;
  /**
   * For limits: most prompts have less. In steps, and it falls late, so that the same history gives the same prompt
   * turn after turn.
   */
  safe: number;
  /** A prompt may have fewer tokens than the safe ratio says, by less than this factor. */
  margin: number;
}

/** Of a model that has counted no prompt. */
export const UNLEARNED: TokenRatio = { typical: 1, safe: 1, margin: ESTIMATE_MARGIN };

/** `TokenRatio.margin` of a model that has counted enough prompts. */
export const LEARNED_MARGIN = 1.15;

/** The last so many counts of a model say its ratio. */
const WINDOW = 32;
/** Fewer counts say little. The first ones are weighed against as many estimates that were right as `PRIOR` has. */
const ENOUGH = 8;
const PRIOR = [1, 1, 1];
/** The share of the prompts that have at most the safe ratio. */
const SAFE_SHARE = 0.9;
const STEP = 1 / 32;
/** The safe ratio falls when it could be lower by this many steps. */
const STEPS_OF_FALL = 3;
/** Shorter prompts say more about what a provider adds than about their texts. */
const LEAST_TOKENS = 400;
/** Ratios beyond this say that something else was counted. */
const [LOWEST, HIGHEST] = [1 / 3, 3];
/** How much more than estimated a refused prompt probably has, where the provider does not say its tokens. */
export const REFUSED = 1.2;

/** The ratio of one model, learned from the prompts that its provider has counted. */
class Learned implements TokenRatio {
  typical = 1;
  safe = 1;
  /** It was not kept since its last change. */
  isNew = false;
  private readonly ratios: number[] = [];
  private next = 0;
  private prompts = 0;

  static from({ ratios, safe }: KeptRatio): Learned {
    const learned = new Learned();
    learned.ratios.push(...ratios.slice(-WINDOW));
    learned.next = learned.ratios.length % WINDOW;
    learned.weigh();
    learned.safe = safe;
    return learned;
  }

  kept(): KeptRatio {
    return { ratios: [...this.ratios.slice(this.next), ...this.ratios.slice(0, this.next)], safe: this.safe };
  }

  /** All of the first prompts, and one of eight later ones: to look through a long prompt takes time. */
  wantsPrompt(): boolean {
    return !this.isLearned || this.prompts++ % 8 === 0;
  }

  get margin(): number {
    return this.isLearned ? LEARNED_MARGIN : ESTIMATE_MARGIN;
  }

  private get isLearned(): boolean {
    return this.ratios.length >= ENOUGH;
  }

  learn(ratio: number): void {
    this.isNew = true;
    this.ratios[this.next] = ratio;
    this.next = (this.next + 1) % WINDOW;
    this.weigh();
  }

  private weigh(): void {
    const inOrder = (this.isLearned ? this.ratios : [...PRIOR, ...this.ratios]).toSorted((a, b) => a - b);
    this.typical = inOrder[inOrder.length >> 1]!;
    const wanted = inStep(
      this.isLearned ? inOrder[Math.floor(SAFE_SHARE * (inOrder.length - 1))]! : this.typical,
    );
    if (wanted > this.safe) this.safe = wanted;
    else if (this.isLearned && wanted <= this.safe - STEPS_OF_FALL * STEP) this.safe = wanted;
  }

  /** A prompt with this ratio was refused: believed at once, until enough others are counted. */
  raise(ratio: number): void {
    this.isNew = true;
    this.safe = Math.max(this.safe, inStep(ratio));
  }
}

/** The next step above a ratio. */
export const inStep = (ratio: number): number => Math.ceil(ratio / STEP - 1e-9) * STEP;

/** Callers may name any model, so there are more names than models that matter. */
const MOST_MODELS = 1_024;

/**
 * The models' token ratios, as this process and those before it have learned them. They are kept when the
 * configuration changes.
 */
export class TokenRatios {
  /** In the order of their last use. */
  private readonly models = new Map<string, Learned>();

  constructor(earlier: KeptRatios = new Map()) {
    for (const [name, ratio] of earlier) this.models.set(name, Learned.from(ratio));
  }

  /** What has changed since this was called before. */
  changed(): KeptRatios {
    const changed = new Map<string, KeptRatio>();
    for (const [name, learned] of this.models) {
      if (learned.isNew) changed.set(name, learned.kept());
      learned.isNew = false;
    }
    return changed;
  }

  /** The same for all instances of a provider. */
  of(candidate: Pick<Candidate, 'provider' | 'model'>): TokenRatio {
    return this.models.get(candidateName(candidate)) ?? UNLEARNED;
  }

  /** Whether to `learn` from the next prompt. */
  wantsPrompt(candidate: Pick<Candidate, 'provider' | 'model'>): boolean {
    return this.models.get(candidateName(candidate))?.wantsPrompt() ?? true;
  }

  /** A provider has counted a prompt of text. Short prompts, and counts that cannot be of this prompt, teach nothing. */
  learn(candidate: Pick<Candidate, 'provider' | 'model'>, estimated: number, counted: number): void {
    const ratio = counted / estimated;
    if (estimated < LEAST_TOKENS || !(ratio >= LOWEST && ratio <= HIGHEST)) return;
    this.learned(candidate).learn(ratio);
  }

  /** A provider has refused a prompt for its length. Returns the ratio for the next one. */
  refused(candidate: Pick<Candidate, 'provider' | 'model'>, estimated: number, counted?: number): TokenRatio {
    const learned = this.learned(candidate);
    const ratio = counted === undefined ? learned.safe * REFUSED : counted / estimated;
    learned.raise(Math.min(HIGHEST, ratio));
    if (counted !== undefined) this.learn(candidate, estimated, counted);
    return learned;
  }

  private learned(candidate: Pick<Candidate, 'provider' | 'model'>): Learned {
    const name = candidateName(candidate);
    const known = this.models.get(name) ?? new Learned();
    this.models.delete(name);
    this.models.set(name, known);
    if (this.models.size > MOST_MODELS) this.models.delete(this.models.keys().next().value!);
    return known;
  }
}
