/** The longest value of a label. */
const LONGEST = 128;

/** The values that one label has had, and may have: a bounded number, however many names callers invent. */
export class LabelValues {
  /** What stands for every further value. */
  static readonly OTHER = 'other';
  private readonly known = new Set<string>();

  constructor(private readonly most: number) {}

  /** The value, or `other`. */
  admit(value: string): string {
    const short = value.length > LONGEST ? value.slice(0, LONGEST) : value;
    if (this.known.has(short)) return short;
    if (this.known.size >= this.most) return LabelValues.OTHER;
    this.known.add(short);
    return short;
  }
}

/** How many values each label may have. All metrics share the values of a label. */
export class Bounds {
  private readonly labels = new Map<string, LabelValues>();

  constructor(
    private readonly mosts: Readonly<Record<string, number>>,
    private readonly usual: number,
  ) {}

  of(label: string): LabelValues {
    const known = this.labels.get(label);
    if (known) return known;
    const made = new LabelValues(this.mosts[label] ?? this.usual);
    this.labels.set(label, made);
    return made;
  }
}
