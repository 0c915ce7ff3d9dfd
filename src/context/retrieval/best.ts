/** The numbers with the highest scores, best first; `numbers` are read by index, which is faster than to iterate. Of equal scores, the later number comes first. */
export function best(
  numbers: ArrayLike<number>,
  scores: Readonly<ArrayLike<number>>,
  most: number,
): number[] {
  const isWorse = (a: number, b: number): boolean =>
    scores[a]! < scores[b]! || (scores[a]! === scores[b]! && a < b);
  /** A heap with the worst of the best at its root. */
  const heap: number[] = [];
  const sink = (): void => {
    const moved = heap[0]!;
    let at = 0;
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      if (child + 1 < heap.length && isWorse(heap[child + 1]!, heap[child]!)) child += 1;
      if (!isWorse(heap[child]!, moved)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = moved;
  };
  for (let index = 0; index < numbers.length; index++) {
    const number = numbers[index]!;
    if (heap.length < most) {
      let at = heap.push(number) - 1;
      for (let parent = (at - 1) >> 1; at > 0 && isWorse(number, heap[parent]!); parent = (at - 1) >> 1) {
        heap[at] = heap[parent]!;
        at = parent;
      }
      heap[at] = number;
    } else if (most > 0 && isWorse(heap[0]!, number)) {
      heap[0] = number;
      sink();
    }
  }
  return heap.sort((a, b) => (isWorse(a, b) ? 1 : -1));
}
