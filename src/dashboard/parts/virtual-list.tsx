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
const AHEAD = 1_200;

/**
 * A list of any length: only the rows near the view exist, between two spaces for all others. Heights are measured as
 * rows appear. That what a person sees stays where it is meanwhile, is the browser's work (CSS Scroll Anchoring): a
 * script that did it would stop a scroll that is under way.
 */
export function VirtualList({ label, keys, estimate, target, children }: VirtualListProps) {
  const box = useRef<HTMLDivElement>(null);
  const [, redraw] = useReducer((version: number) => version + 1, 0);
  const view = useRef<View>({
    top: 0,
    height: 0,
    holds: target ?? 'end',
    movedAt: Number.NEGATIVE_INFINITY,
  }).current;
  const { heights, ofRow, version } = useHeights(redraw);
  const offsets = offsetsOf(keys, heights, estimate);
  useLayoutEffect(() => {
    view.holds = target ?? view.holds;
  }, [target, view]);
  useLayoutEffect(() => {
    if (box.current && hold(box.current, view, keys, offsets)) redraw(undefined);
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
  const onMove = () => {
    view.movedAt = performance.now();
  };
  const onScroll = ({ currentTarget: around }: { currentTarget: HTMLElement }) => {
    followHand(around, view);
    view.top = around.scrollTop;
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
      onWheel={onMove}
      onTouchMove={onMove}
      onKeyDown={onMove}
      onPointerDown={onMove}
    >
      <div style={{ height: `${offsets[from]}px` }} />
      {keys.slice(from, to).map((key, index) => (
        <article
          key={key}
          ref={ofRow}
          data-key={key}
          aria-posinset={from + index + 1}
          aria-setsize={keys.length}
        >
          {children(key, from + index)}
        </article>
      ))}
      <div style={{ height: `${offsets[keys.length]! - offsets[to]!}px` }} />
    </div>
  );
}

interface View {
  top: number;
  height: number;
  /** What is kept in view while heights become known: the end, a row, or what the person has scrolled to. */
  holds: string | 'end' | undefined;
  /** When the person last did something that may scroll. */
  movedAt: number;
}

/** A scroll so soon after something that a person did is the person's. */
const HAND_MS = 1_000;
/** So many pixels from the end are the end. */
const NEAR_END = 32;

/** After a person has scrolled, the list stays where they left it. */
function followHand(box: HTMLElement, view: View): void {
  const now = performance.now();
  if (now - view.movedAt > HAND_MS) return;
  view.movedAt = now;
  const isAtEnd = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_END;
  view.holds = isAtEnd && box.scrollTop >= view.top ? 'end' : undefined;
}

/** Brings what is held into view. Says whether the view has moved. */
function hold(box: HTMLElement, view: View, keys: readonly string[], offsets: Float64Array): boolean {
  const { holds } = view;
  if (holds === undefined) return false;
  const index = keys.indexOf(holds);
  box.scrollTop = index === -1 ? box.scrollHeight : offsets[index]!;
  const isMoved = Math.abs(view.top - box.scrollTop) >= 1;
  view.top = box.scrollTop;
  return isMoved;
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
