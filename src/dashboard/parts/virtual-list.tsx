import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useMemo, useReducer, useRef } from 'preact/hooks';

interface VirtualListProps {
  label: string;
  /** The rows by their names, which do not change. */
  keys: readonly string[];
  /** What a row is thought to be high until it was seen, in pixels. */
  estimate: number;
  /** The row to begin with; absent: the end, at which the list stays while it grows. */
  target?: string;
  children(key: string, index: number): ComponentChildren;
}

/** Rows are made so many pixels before they come into view. */
const AHEAD = 900;
/** So many pixels from the end are the end. */
const NEAR_END = 48;

/** A list of any length: only the rows in view exist. Heights are measured as rows appear. */
export function VirtualList({ label, keys, estimate, target, children }: VirtualListProps) {
  const box = useRef<HTMLDivElement>(null);
  const [, redraw] = useReducer((version: number) => version + 1, 0);
  const view = useRef<View>({ top: 0, height: 0, holds: target ?? 'end' }).current;
  const { heights, ofRow, version } = useHeights(redraw);
  const offsets = offsetsOf(keys, heights, estimate);
  useLayoutEffect(() => {
    if (target !== undefined) view.holds = target;
  }, [target, view]);
  // Only a new layout moves the view: a person who scrolls is never pulled back.
  useLayoutEffect(() => {
    if (hold(box.current, view, keys, offsets)) redraw(undefined);
  }, [target, version, keys.length, keys.at(-1), view.height]);
  useEffect(() => {
    const around = box.current;
    if (!around) return;
    const resized = new ResizeObserver(() => {
      view.height = around.clientHeight;
      redraw(undefined);
    });
    resized.observe(around);
    return () => resized.disconnect();
  }, [view]);
  const onScroll = ({ currentTarget: around }: { currentTarget: HTMLElement }) => {
    const isOwn = Math.abs(around.scrollTop - view.top) < 1;
    if (isOwn) return;
    const isUpwards = around.scrollTop < view.top;
    view.top = around.scrollTop;
    view.holds = !isUpwards && isAtEnd(around) ? 'end' : anchorOf(keys, offsets, view);
    redraw(undefined);
  };
  const [from, to] = rangeOf(offsets, view.top - AHEAD, view.top + view.height + AHEAD);
  return (
    <div
      class="virtual"
      ref={box}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached with the keyboard.
      tabIndex={0}
      role="feed"
      aria-label={label}
      onScroll={onScroll}
    >
      <div class="virtual-rows" style={{ height: `${offsets[keys.length]}px` }}>
        {keys.slice(from, to).map((key, index) => (
          <article
            key={key}
            class="virtual-row"
            ref={ofRow}
            data-key={key}
            aria-posinset={from + index + 1}
            aria-setsize={keys.length}
            style={{ transform: `translateY(${offsets[from + index]}px)` }}
          >
            {children(key, from + index)}
          </article>
        ))}
      </div>
    </div>
  );
}

interface View {
  top: number;
  height: number;
  /** What stays where it is while heights become known: the end, the top of a row, or a row at a distance. */
  holds: string | { key: string; distance: number };
}

/** Where each row begins; the last number is where the list ends. */
function offsetsOf(keys: readonly string[], heights: Map<string, number>, estimate: number): Float64Array {
  const offsets = new Float64Array(keys.length + 1);
  for (let i = 0; i < keys.length; i++) offsets[i + 1] = offsets[i]! + (heights.get(keys[i]!) ?? estimate);
  return offsets;
}

/** The index of the row at a position. */
function rowAt(offsets: Float64Array, position: number): number {
  let low = 0;
  let high = offsets.length - 2;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (offsets[middle]! <= position) low = middle;
    else high = middle - 1;
  }
  return Math.max(0, low);
}

function rangeOf(offsets: Float64Array, top: number, bottom: number): [number, number] {
  if (offsets.length === 1) return [0, 0];
  return [rowAt(offsets, top), rowAt(offsets, bottom) + 1];
}

const isAtEnd = (box: HTMLElement): boolean => box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_END;

function anchorOf(keys: readonly string[], offsets: Float64Array, { top }: View): View['holds'] {
  const index = rowAt(offsets, top);
  const key = keys[index];
  return key === undefined ? 'end' : { key, distance: top - offsets[index]! };
}

/** Keeps what the person sees where it is. Says whether the view has moved. */
function hold(box: HTMLElement | null, view: View, keys: readonly string[], offsets: Float64Array): boolean {
  if (!box) return false;
  const { holds } = view;
  let top = offsets[keys.length]! - box.clientHeight;
  if (holds !== 'end') {
    const { key, distance } = typeof holds === 'string' ? { key: holds, distance: 0 } : holds;
    const index = keys.indexOf(key);
    if (index === -1) return false;
    top = offsets[index]! + distance;
  }
  box.scrollTop = top;
  const isMoved = Math.abs(view.top - box.scrollTop) >= 1;
  view.top = box.scrollTop;
  return isMoved;
}

/** The heights of the rows that exist or have existed. `version` grows when one changes. */
function useHeights(redraw: (_: undefined) => void) {
  const found = useRef({ heights: new Map<string, number>(), version: 0 }).current;
  const observer = useMemo(() => {
    const resized = new ResizeObserver((entries) => {
      const before = found.version;
      for (const { target } of entries) {
        const row = target as HTMLElement;
        const { key } = row.dataset;
        if (key === undefined || !row.isConnected || found.heights.get(key) === row.offsetHeight) continue;
        found.heights.set(key, row.offsetHeight);
        found.version++;
      }
      if (found.version !== before) redraw(undefined);
    });
    return { resized, ofRow: (row: HTMLElement | null) => void (row && resized.observe(row)) };
  }, [found, redraw]);
  useEffect(() => () => observer.resized.disconnect(), [observer]);
  return { ...found, ofRow: observer.ofRow };
}
