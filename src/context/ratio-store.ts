/** What is kept of the token ratio of a model. */
export interface KeptRatio {
  /** The ratios of its latest prompts, oldest first. */
  ratios: readonly number[];
  /** `TokenRatio.safe` */
  safe: number;
}

/** By the names of models, `provider/model`. */
export type KeptRatios = ReadonlyMap<string, KeptRatio>;

/**
 * Keeps token ratios for the next start. They are derived: what is lost is learned again from the next prompts. They
 * say nothing about a tenant, a session or a text. Several processes may share one.
 */
export interface RatioStore {
  /** What was kept when the store was opened: nothing where that is damaged. */
  readonly earlier: KeptRatios;
  /** Keeps these, and those of other models. If there are too many models, those that were kept first are left out. */
  keepRatios(changed: KeptRatios): Promise<void>;
}
